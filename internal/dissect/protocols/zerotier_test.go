// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand from the documented headers.
var zerotierOpen = udp(9993, CX("0102030405060708 1112131415 2122232425 00 3132333435363738 01 0c 01 0e 0002 "+
	"0000018f00000000 2122232425 00"))

func TestZerotier(t *testing.T) {
	wantProtocol(t, zerotierOpen, "zerotier", `"version":12`, `"address":"2122232425"`)
	wantNot(t, udp(9993, CX("0102030405060708 1112131415 2122232425 00 3132333435363738 01 0c 01 0e 0002 "+
		"0000018f00000000 2122232426 00")), "zerotier")
	testTruncations(t, "zerotier", zerotierOpen, zerotierHello)
	wantNoAllocations(t, "zerotier", zerotierOpen)
}

func FuzzZerotier(f *testing.F) { fuzzTalks(f, "zerotier", zerotierOpen) }
