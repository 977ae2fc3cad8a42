// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand: the fields of a request for a vote and of one to append entries, cut.
var (
	hashicorpRaftVote = tcp(8300, C("\x01\x01\x84\xacLastLogIndex\x07\xabLastLogTerm\x02\xafProtocolVersion\x03\xa4"+
		"Term\x03"))
	hashicorpRaftAppend = tcp(4647, C("\x00\x83\xb1LeaderCommitIndex\x07\xacPrevLogEntry\x06\xa4Term\x03"))
)

func TestHashicorpRaft(t *testing.T) {
	wantProtocol(t, hashicorpRaftVote, "hashicorp-raft", `"message_type":1`)
	wantProtocol(t, hashicorpRaftAppend, "hashicorp-raft", `"message_type":0`)
	wantNot(t, tcp(8300, C("\x01\x09\x84\xacLastLogIndex\x07\xa4Term\x03")), "hashicorp-raft")
	wantNot(t, tcp(8300, C("\x00\x82\xa7Service\x07\xa4Term\x03")), "hashicorp-raft")
	for _, k := range []talk{hashicorpRaftVote, hashicorpRaftAppend} {
		testTruncations(t, "hashicorp-raft", k, 24)
		wantNoAllocations(t, "hashicorp-raft", k)
	}
}

func FuzzHashicorpRaft(f *testing.F) {
	fuzzTalks(f, "hashicorp-raft", hashicorpRaftVote, hashicorpRaftAppend)
}
