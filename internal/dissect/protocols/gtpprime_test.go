// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand from the specifications' header figures.
var gtpPrime = udp(3386, CX("4e 01 0000 0001"))

func TestGTPPrime(t *testing.T) {
	wantProtocol(t, gtpPrime, "gtp-prime")
	wantNot(t, udp(3386, CX("4e 01 0001 0001")), "gtp-prime")
	testTruncations(t, "gtp-c", gtpPrime, 6)
	wantNoAllocations(t, "gtp-c", gtpPrime)
}
