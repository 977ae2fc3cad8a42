// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// raft: Canonical's C Raft between servers, by the handshake that opens a connection.
var raftProtocol = &dissect.Protocol{
	Name:      "raft",
	Spec:      "Canonical raft, TCP transport (uv_tcp): handshake",
	Category:  "database",
	Over:      dissect.TCP,
	Start:     dissect.BytesOf(1),
	MinLength: 8,
	Members:   []string{"raft.address", "raft.server_id"},
	Inspect:   inspectRaft,
}

const (
	raftHeader  = 24 // version, server, length of its address; 8 bytes each, little endian
	raftAddress = 256
)

func inspectRaft(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	const version1 = "\x01\x00\x00\x00\x00\x00\x00\x00"
	b := c.First()
	if len(b) < raftHeader || !hasPrefix(b, version1) {
		return moreIf(couldBe(b, version1))
	}
	length := le32(b[16:])
	if length <= 0 || length > raftAddress || length%8 != 0 || le32(b[20:]) != 0 {
		return dissect.No
	}
	if len(b) < raftHeader+length {
		return dissect.NeedMore
	}
	address, _, _ := cutZero(b[raftHeader : raftHeader+length])
	if len(address) == 0 || !isPrintable(address) {
		return dissect.No
	}
	o := r.Object("raft")
	o.Int("server_id", int64(ule32(b[8:])))
	o.Text("address", address)
	return dissect.Yes
}
