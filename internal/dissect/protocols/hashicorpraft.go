// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
)

// hashicorp-raft: consensus between servers of Consul, Nomad and Vault: a type, and a request in MessagePack. On
// Consul's shared port, the first byte announces Raft.
var hashicorpRaftProtocol = &dissect.Protocol{
	Name:      "hashicorp-raft",
	Spec:      "hashicorp/raft: network transport, commands as publicly described",
	Category:  "rpc",
	Over:      dissect.TCP,
	Ports:     []uint16{4647, 8300},
	Start:     dissect.BytesOf(0, 1),
	MinLength: 16,
	Members:   []string{"hashicorp_raft.message_type"},
	Inspect:   inspectHashicorpRaft,
}

// hashicorpRaftPeek bounds the search for field names in a request, in bytes.
const hashicorpRaftPeek = 512

// hashicorpRaftFields are field names in MessagePack form; a request has one of them besides "Term".
var hashicorpRaftFields = []string{"\xacPrevLogEntry", "\xacLastLogIndex", "\xb1LeaderCommitIndex",
	"\xafProtocolVersion"}

func inspectHashicorpRaft(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	const consul, maxType = 1, 4
	b := c.First()
	b = b[:min(len(b), hashicorpRaftPeek)]
	if len(b) < 3 {
		return dissect.NeedMore
	}
	at := 0
	if b[0] == consul && !isMessagePackMap(b[1]) {
		at = 1
	}
	if b[at] > maxType || !isMessagePackMap(b[at+1]) {
		return dissect.No
	}
	if bytes.Contains(b, []byte("\xa4Term")) {
		for _, field := range hashicorpRaftFields {
			if bytes.Contains(b, []byte(field)) {
				r.Object("hashicorp_raft").Int("message_type", int64(b[at]))
				return dissect.Yes
			}
		}
	}
	return moreIf(len(b) < hashicorpRaftPeek)
}

// isMessagePackMap reports whether b begins a map of one to fifteen pairs.
func isMessagePackMap(b byte) bool { return b > 0x80 && b <= 0x8f }
