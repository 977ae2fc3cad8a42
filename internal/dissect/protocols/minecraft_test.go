// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand from the document in the entry.
var minecraftOpen = tcp(25565, CX("15 00 ff05 0e 706c61792e6578616d706c652e 63 63dd 02"))

func TestMinecraft(t *testing.T) {
	if h := wantProtocol(t, minecraftOpen, "minecraft", `"version":767`); h.Host != "play.example.c" {
		t.Errorf("host %q", h.Host)
	}
	wantNot(t, tcp(25565, CX("15 00 ff05 0f 706c61792e6578616d706c652e 63 63dd 02")), "minecraft")
	wantNot(t, tcp(25565, CX("15 00 ff05 0e 706c61792e6578616d706c652e 63 63dd 04")), "minecraft")
	testTruncations(t, "minecraft", minecraftOpen, 5)
	wantNoAllocations(t, "minecraft", minecraftOpen)
}

func FuzzMinecraft(f *testing.F) { fuzzTalks(f, "minecraft", minecraftOpen) }
