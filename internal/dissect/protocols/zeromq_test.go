// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand from RFC 23: the greeting of the NULL mechanism.
var zmtpHello = tcp(5555, CX("ff 0000000000000001 7f 03 00 4e554c4c 00000000000000000000000000000000 00 "+
	"00000000000000000000000000000000000000000000000000000000000000"))

func TestZeroMQ(t *testing.T) {
	wantProtocol(t, zmtpHello, "zeromq", `"version":3`, `"mechanism":"NULL"`)
	wantProtocol(t, tcp(4000, CX("ff 0000000000000001 7f")), "zeromq")
	wantNot(t, tcp(5555, CX("ff 0000000000010001 7f")), "zeromq")
	testTruncations(t, "zeromq", zmtpHello, 10)
	wantNoAllocations(t, "zeromq", zmtpHello)
}

func FuzzZeroMQ(f *testing.F) { fuzzTalks(f, "zeromq", zmtpHello) }
