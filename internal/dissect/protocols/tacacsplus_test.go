// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Messages built after RFC 8907 §4.1; the bodies are obfuscated, so any bytes do.
var tacacsTalk = tcp(49, CX("c0 01 01 00 12345678 00000008 0011223344556677"),
	SX("c0 01 02 00 12345678 00000006 001122334455"))

func TestTACACS(t *testing.T) {
	wantProtocol(t, tacacsTalk, "tacacs-plus", `"type":"authentication"`, `"encrypted":true`)
	wantNot(t, tcp(49, CX("c0 01 01 00 12345678 00000008 0011223344556677 00")), "tacacs-plus")
	wantNot(t, tcp(49, CX("c0 04 01 00 12345678 00000008 0011223344556677")), "tacacs-plus")
	testTruncations(t, "tacacs-plus", tacacsTalk, 20)
	wantNoAllocations(t, "tacacs-plus", tacacsTalk)
}

func FuzzTACACS(f *testing.F) { fuzzTalks(f, "tacacs-plus", tacacsTalk) }
