// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand from the description of the header.
var uftpAnnounce = udp(1044, CX("50 01 0001 c0000201 00112233 01 60 00 00 01090000 0584"),
	CX("50 01 0002 c0000201 00112233 01 60 00 00 01090000 0584"))

func TestUFTP(t *testing.T) {
	wantProtocol(t, uftpAnnounce, "uftp", `"version":5`)
	wantNot(t, udp(1044, uftpAnnounce.Says[0], CX("50 01 0002 c0000201 00112234 01 60 00 00 01090000 0584")), "uftp")
	wantNot(t, udp(1044, uftpAnnounce.Says[0], uftpAnnounce.Says[0]), "uftp")
	testTruncations(t, "uftp", uftpAnnounce, 99)
	wantNoAllocations(t, "uftp", uftpAnnounce)
}

func FuzzUFTP(f *testing.F) { fuzzTalks(f, "uftp", uftpAnnounce) }
