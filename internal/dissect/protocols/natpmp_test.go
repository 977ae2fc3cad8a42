// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// The messages are built after RFC 6886 §3.2, §3.3 and RFC 6887 §7, §11.1.
var (
	natPMPAddress = udp(5351, CX("0000"), SX("0080 0000 00000010 c0000201"))
	natPMPMap     = udp(5351, CX("0001 0000 1f90 1f90 00000e10"))
)

func TestNATPMP(t *testing.T) {
	wantProtocol(t, natPMPAddress, "nat-pmp", `"operation":"external-address"`)
	wantProtocol(t, udp(5351, natPMPAddress.Says[1]), "nat-pmp", `"external_ip":"192.0.2.1"`)
	wantProtocol(t, natPMPMap, "nat-pmp", `"internal_port":8080`, `"lifetime":3600`)
	wantNot(t, udp(5351, CX("0001 0001 1f90 1f90 00000e10")), "nat-pmp")
	wantNot(t, udp(5351, CX("000000")), "nat-pmp")
	testTruncations(t, "nat-pmp", natPMPMap, 12)
	wantNoAllocations(t, "nat-pmp", natPMPMap)
}

func FuzzNATPMP(f *testing.F) { fuzzTalks(f, "nat-pmp", natPMPAddress, natPMPMap, pcpMap) }
