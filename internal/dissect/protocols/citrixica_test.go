// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built from public knowledge of ICA's and CGP's first bytes.
var (
	citrixTalk = tcp(1494, S("\x7f\x7fICA\x00"))
	citrixCGP  = tcp(2598, C("\x1aCGP/01\x00"))
)

func TestCitrixICA(t *testing.T) {
	wantProtocol(t, citrixTalk, "citrix-ica")
	wantProtocol(t, citrixCGP, "citrix-ica")
	wantNot(t, tcp(1494, S("\x7fELF\x00\x00\x00")), "citrix-ica")
	for _, k := range []talk{citrixTalk, citrixCGP} {
		testTruncations(t, "citrix-ica", k, 6)
		wantNoAllocations(t, "citrix-ica", k)
	}
}

func FuzzCitrixICA(f *testing.F) { fuzzTalks(f, "citrix-ica", citrixTalk, citrixCGP) }
