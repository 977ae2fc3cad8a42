// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand from the header: session initiation, and a token-passing message with its answer.
var (
	hartSession = udp(5094, CX("01 00 00 00 0001 000d 01 00007530"))
	hartCommand = tcp(5094, CX("01 00 03 00 0002 000d 02 80 00 00 82"), SX("01 01 03 00 0002 000d 06 80 00 00 86"))
)

func TestHARTIP(t *testing.T) {
	wantProtocol(t, hartSession, "hart-ip", `"message_id":0`)
	wantProtocol(t, hartCommand, "hart-ip", `"message_id":3`)
	wantNot(t, udp(5094, CX("01 00 00 00 0001 000e 01 00007530")), "hart-ip")
	wantNot(t, tcp(5094, hartCommand.Says[0], SX("01 01 03 00 0003 000d 06 80 00 00 86")), "hart-ip")
	testTruncations(t, "hart-ip", hartSession, 13)
	testTruncations(t, "hart-ip", hartCommand, 99)
	wantNoAllocations(t, "hart-ip", hartSession)
}

func FuzzHARTIP(f *testing.F) { fuzzTalks(f, "hart-ip", hartSession, hartCommand) }
