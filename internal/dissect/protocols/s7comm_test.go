// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand: connection request and confirm of X.224 §13.3, then a job "set up communication" and its answer.
var (
	cotpOpen   = CX("0300 0016 11 e0 0000 0001 00 c0010a c1020100 c2020102")
	cotpOpened = SX("0300 0016 11 d0 0001 0002 00 c0010a c1020100 c2020102")
	s7Setup    = tcp(102, cotpOpen, cotpOpened, CX("0300 0019 02f080 32 01 0000 0000 0008 0000 f0 00 0001 0001 01e0"),
		SX("0300 001b 02f080 32 03 0000 0000 0008 0000 0000 f0 00 0001 0001 00f0"))
)

func TestS7comm(t *testing.T) {
	wantProtocol(t, s7Setup, "s7comm", `"message_type":1`, `"function":240`)
	wantProtocol(t, tcp(4000, s7Setup.Says[3]), "s7comm", `"message_type":3`)
	wantNot(t, tcp(102, cotpOpen, cotpOpened), "s7comm")
	wantNot(t, tcp(102, CX("0300 0019 02f080 32 01 0000 0000 0008 0001 f0 00 0001 0001 01e0")), "s7comm")
	testTruncations(t, "s7comm", s7Setup, 99)
	wantNoAllocations(t, "s7comm", s7Setup)
}

func FuzzS7comm(f *testing.F) { fuzzTalks(f, "s7comm", s7Setup, s7PlusTalk) }
