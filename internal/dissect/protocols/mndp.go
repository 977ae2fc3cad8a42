// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// mndp: MikroTik Neighbor Discovery Protocol: fields of type and length that fill the datagram. The layout follows
// public descriptions.
var mndpProtocol = &dissect.Protocol{
	Name:      "mndp",
	Spec:      "MikroTik Neighbor Discovery Protocol as publicly described",
	Category:  "network",
	Over:      dissect.UDP,
	Ports:     []uint16{mndpPort},
	Start:     dissect.BytesOf(0),
	MinLength: mndpHeader,
	Members:   []string{"mndp.board", "mndp.identity", "mndp.platform", "mndp.version"},
	Inspect:   inspectMNDP,
}

const (
	mndpPort   = 5678
	mndpHeader = 4 // two zeros, sequence number; a request is four zeros
	mndpFields = 32
)

func inspectMNDP(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	b := c.First()
	if len(b) < mndpHeader || b[0] != 0 || b[1] != 0 {
		return dissect.No
	}
	if len(b) == mndpHeader {
		if b[2]|b[3] == 0 && c.Client.Port() == mndpPort && c.Server.Port() == mndpPort {
			return dissect.Yes // devices send requests from the protocol's port
		}
		return dissect.NeedMore
	}
	const address, identity, version, platform, board = 1, 5, 7, 8, 12
	o := r.Object("mndp")
	hasAddress := false
	rest := b[mndpHeader:]
	for range mndpFields {
		if len(rest) == 0 {
			break
		}
		kind := 0
		if len(rest) >= 4 {
			kind = be16(rest)
		}
		if kind == 0 || kind > 32 {
			return dissect.No
		}
		value, after, ok := cutText16(rest[2:])
		if !ok {
			return dissect.No
		}
		switch kind {
		case address:
			hasAddress = len(value) == 6
		case identity:
			o.Text("identity", value)
		case version:
			o.Text("version", value)
		case platform:
			o.Text("platform", value)
		case board:
			o.Text("board", value)
		}
		rest = after
	}
	if !hasAddress || len(rest) > 0 {
		return dissect.No
	}
	return dissect.Yes
}
