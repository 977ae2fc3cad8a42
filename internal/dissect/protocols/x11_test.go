// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built from the X protocol §8.
var (
	x11Talk = tcp(6000, C("l\x00\x0b\x00\x00\x00\x12\x00\x10\x00\x00\x00MIT-MAGIC-COOKIE-1\x00\x000123456789abcdef"),
		S("\x01\x00\x0b\x00\x00\x00\x01\x00"))
	x11None = tcp(6000, CX("42 00 000b 0000 0000 0000 0000"))
)

func TestX11(t *testing.T) {
	wantProtocol(t, x11Talk, "x11", `"authorization":"MIT-MAGIC-COOKIE-1"`)
	wantProtocol(t, x11None, "x11")
	wantNot(t, tcp(6000, CX("42 00 000c 0000 0000 0000 0000")), "x11")
	wantNot(t, tcp(6000, CX("42 00 000b 0000 0001 0001 0000")), "x11")
	for _, k := range []talk{x11Talk, x11None} {
		testTruncations(t, "x11", k, 12)
		wantNoAllocations(t, "x11", k)
	}
}

func FuzzX11(f *testing.F) { fuzzTalks(f, "x11", x11Talk, x11None) }
