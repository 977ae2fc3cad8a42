// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand: version 1, server 3, its address with zeros up to a multiple of 8.
var raftHello = tcp(4000, C("\x01\x00\x00\x00\x00\x00\x00\x00"+"\x03\x00\x00\x00\x00\x00\x00\x00"+
	"\x10\x00\x00\x00\x00\x00\x00\x00"+"192.0.2.1:8080\x00\x00"))

func TestRaft(t *testing.T) {
	wantProtocol(t, raftHello, "raft", `"server_id":3`, `"address":"192.0.2.1:8080"`)
	wantNot(t, tcp(4000, C("\x01\x00\x00\x00\x00\x00\x00\x00"+"\x03\x00\x00\x00\x00\x00\x00\x00"+
		"\x11\x00\x00\x00\x00\x00\x00\x00"+"192.0.2.1:8080\x00\x00\x00")), "raft")
	testTruncations(t, "raft", raftHello, 40)
	wantNoAllocations(t, "raft", raftHello)
}

func FuzzRaft(f *testing.F) { fuzzTalks(f, "raft", raftHello) }
