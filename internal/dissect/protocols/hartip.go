// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// hart-ip: the header of HART-IP messages, whose byte count fits.
var hartIPProtocol = &dissect.Protocol{
	Name:      "hart-ip",
	Spec:      "FieldComm Group TS20085 (HART Network Management), HART-IP header",
	Category:  "industrial",
	Over:      dissect.TCP | dissect.UDP,
	Ports:     []uint16{5094},
	Start:     dissect.BytesOf(1, 2),
	MinLength: hartHeader,
	Members:   []string{"hart_ip.message_id", "hart_ip.message_type"},
	Inspect:   inspectHARTIP,
}

const (
	hartHeader  = 8             // version, type, identifier, status, sequence number, total length
	hartLongest = 24 * 3600_000 // milliseconds of inactivity
)

func inspectHARTIP(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	b := c.First()
	if len(b) < hartHeader {
		return moreIf(c.Transport == dissect.TCP)
	}
	kind, id, status, length := b[1], b[2], b[3], be16(b[6:])
	known := kind <= 2 || kind == 15
	if b[0] < 1 || b[0] > 2 || !known || id > 5 && id != 128 || length < hartHeader || kind == 0 && status != 0 {
		return dissect.No
	}
	if length != len(b) && (c.Transport == dissect.UDP || len(b) < length) {
		return moreIf(c.Transport == dissect.TCP)
	}
	const initiate, initiateLength = 0, hartHeader + 5
	switch {
	case id == initiate && kind <= 1 && length == initiateLength && length == len(b) && b[0] == 1 &&
		b[hartHeader] <= 1 &&
		be32(b[hartHeader+1:]) > 0 && be32(b[hartHeader+1:]) <= hartLongest: // the master's type and a timer
	case !hartAnswered(c, b):
		return dissect.NeedMore
	}
	o := r.Object("hart_ip")
	o.Int("message_type", int64(kind))
	o.Int("message_id", int64(id))
	return dissect.Yes
}

// hartAnswered reports whether the other side repeats the identifier and sequence number of b.
func hartAnswered(c *dissect.Conversation, b []byte) bool {
	answer := otherSide(c)
	return len(answer) >= hartHeader && answer[0] == b[0] && answer[1]^b[1] == 1 && answer[2] == b[2] &&
		string(answer[4:6]) == string(b[4:6]) &&
		be16(answer[6:]) == len(answer) && be16(answer[4:]) != 0
}
