// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand from the specifications' header figures.
var gtpUserEnd = udp(2152, CX("30 fe 0000 00000007"))

func TestGTPUser(t *testing.T) {
	wantProtocol(t, gtpUserEnd, "gtp-u")
	testTruncations(t, "gtp-c", gtpUserEnd, 6)
	wantNoAllocations(t, "gtp-c", gtpUserEnd)
}
