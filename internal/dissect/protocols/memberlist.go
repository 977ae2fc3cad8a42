// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"
	"hash/crc32"

	"github.com/weirnet/weir/internal/dissect"
)

// memberlist: unencrypted gossip of HashiCorp's Serf, Consul and Nomad: a type and MessagePack, alone, after a
// checksum, or several in one datagram.
var memberlistProtocol = &dissect.Protocol{
	Name:      "memberlist",
	Spec:      "hashicorp/memberlist: messages as publicly described",
	Category:  "rpc",
	Over:      dissect.UDP | dissect.TCP,
	Ports:     []uint16{4648, 7946, 8301, 8302},
	Start:     dissect.BytesOf(memberlistCompound, memberlistCompressed, memberlistChecked, memberlistLabel),
	MinLength: 8,
	Members:   []string{"memberlist.message_type"},
	Inspect:   inspectMemberlist,
}

// Types with their own form; the others are plain messages.
const (
	memberlistPushPull   = 6
	memberlistCompound   = 7
	memberlistCompressed = 9
	memberlistChecked    = 12
	memberlistLabel      = 244
)

// memberlistFields are, by type, names that a message contains, in MessagePack form.
var memberlistFields = [...]string{
	0: "\xa5SeqNo", 1: "\xa5SeqNo", 2: "\xa5SeqNo", 3: "\xabIncarnation", 4: "\xabIncarnation", 5: "\xabIncarnation",
	memberlistPushPull: "\xa5Nodes", memberlistCompressed: "\xa4Algo", 11: "\xa5SeqNo",
}

func inspectMemberlist(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	b := c.First()
	if c.Transport == dissect.UDP {
		b = c.Newest().Payload
	}
	kind, ok := memberlistType(b)
	if !ok {
		return moreIf(c.Transport == dissect.TCP && len(b) < 64)
	}
	r.Object("memberlist").Int("message_type", int64(kind))
	return dissect.Yes
}

// memberlistType unwraps a message and checks it.
func memberlistType(b []byte) (kind byte, ok bool) {
	if len(b) > 2 && b[0] == memberlistLabel && len(b) > 2+int(b[1]) {
		b = b[2+int(b[1]):]
	}
	if len(b) > 5 && b[0] == memberlistChecked {
		if crc32.ChecksumIEEE(b[5:]) != ube32(b[1:]) {
			return 0, false
		}
		b = b[5:]
	}
	if len(b) > 2 && b[0] == memberlistCompound { // number of messages, their lengths, the messages
		at, size := 2+2*int(b[1]), 0
		if b[1] == 0 || len(b) <= at {
			return 0, false
		}
		for i := 2; i < at; i += 2 {
			size += be16(b[i:])
		}
		if at+size != len(b) || be16(b[2:]) == 0 {
			return 0, false
		}
		b = b[at:]
	}
	return memberlistMessage(b)
}

func memberlistMessage(b []byte) (kind byte, ok bool) {
	const peek = 256
	if len(b) < 8 || int(b[0]) >= len(memberlistFields) || memberlistFields[b[0]] == "" || !isMessagePackMap(b[1]) {
		return 0, false
	}
	return b[0], bytes.Contains(b[1:min(len(b), peek)], []byte(memberlistFields[b[0]]))
}
