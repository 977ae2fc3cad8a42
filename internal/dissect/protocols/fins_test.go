// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand from W342: controller data read, and FINS/TCP's exchange of node addresses.
var (
	finsRead  = udp(9600, CX("80 00 02 000100 000200 01 0501"), SX("c0 00 02 000200 000100 01 0501 0000"))
	finsNodes = tcp(9600, CX("46494e53 0000000c 00000000 00000000 00000000"))
)

func TestFINS(t *testing.T) {
	wantProtocol(t, finsRead, "fins", `"command":1281`)
	wantProtocol(t, finsNodes, "fins", `"tcp_command":0`)
	other := finsRead
	other.ServerPort = 4000
	wantProtocol(t, other, "fins")
	wantNot(t, udp(4000, finsRead.Says[0]), "fins")
	wantNot(t, udp(9600, CX("80 00 02 000100 000200 01 0599")), "fins")
	testTruncations(t, "fins", finsRead, 12)
	testTruncations(t, "fins", finsNodes, 16)
	wantNoAllocations(t, "fins", finsRead)
}

func FuzzFINS(f *testing.F) { fuzzTalks(f, "fins", finsRead, finsNodes) }
