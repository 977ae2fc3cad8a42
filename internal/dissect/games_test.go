// SPDX-License-Identifier: Apache-2.0

package dissect

import (
	"strings"
	"testing"
)

// Built by hand from the documents that the table names.
var (
	piaPacket     = udp(50000, C("\x32\xab\x98\x64\x02\x01\x00\x01"+sealed(48)))
	netcodeOpen   = udp(40000, C("\x00NETCODE 1.02\x00"+strings.Repeat("\x11", netcodeRequest-14)))
	amongUsHello  = udp(22023, CX("08 0001 00 46d20203 05 416c696365"))
	minecraftOpen = tcp(25565, CX("15 00 ff05 0e 706c61792e6578616d706c652e 63 63dd 02"))
	w3gsTCP       = tcp(6112, CX("f7 1e 0800 01020304 f7 21 0400"), SX("f7 04 0600 0102"))
	w3gsUDP       = udp(6112, CX("f7 2f 1000 50583357 1a000000 00000000"))
	wowWorld      = tcp(3724, S("\x00\x30WORLD OF WARCRAFT CONNECTION - SERVER TO CLIENT\x00"))
	wowLogin      = tcp(3724, C("\x00\x08\x26\x00WoW\x00\x01\x0c\x01\xf3\x1668x\x00niW\x00SUne\x3c\x00\x00\x00\xc0\x00\x02\x01\x08SOMEBODY"))
	bncsAuth      = tcp(6112, C("\x01\xff\x50\x3a\x00\x00\x00\x00\x0068XIPX3W"+strings.Repeat("\x00", 41)))
)

func TestPia(t *testing.T) {
	if h := wantProtocol(t, piaPacket, "nintendo-pia"); h.application != "nintendo" {
		t.Errorf("application %q", h.application)
	}
	testTruncations(t, "nintendo-pia", piaPacket, 5)
	wantNoAllocations(t, "nintendo-pia", piaPacket)
}

func TestNetcode(t *testing.T) {
	wantProtocol(t, netcodeOpen, "yojimbo")
	testTruncations(t, "yojimbo", netcodeOpen, 5)
	wantNoAllocations(t, "yojimbo", netcodeOpen)
}

func TestAmongUs(t *testing.T) {
	if h := wantProtocol(t, amongUsHello, "among-us"); h.application != "among-us" {
		t.Errorf("application %q", h.application)
	}
	wantNot(t, udp(22023, CX("08 0001 00 46d20213 05 416c696365")), "among-us")
	testTruncations(t, "among-us", amongUsHello, 5)
	wantNoAllocations(t, "among-us", amongUsHello)
}

func TestMinecraft(t *testing.T) {
	if h := wantProtocol(t, minecraftOpen, "minecraft", `"version":767`); h.host != "play.example.c" {
		t.Errorf("host %q", h.host)
	}
	wantNot(t, tcp(25565, CX("15 00 ff05 0f 706c61792e6578616d706c652e 63 63dd 02")), "minecraft")
	wantNot(t, tcp(25565, CX("15 00 ff05 0e 706c61792e6578616d706c652e 63 63dd 04")), "minecraft")
	testTruncations(t, "minecraft", minecraftOpen, 5)
	wantNoAllocations(t, "minecraft", minecraftOpen)
}

func TestW3GS(t *testing.T) {
	wantProtocol(t, w3gsTCP, "warcraft3")
	wantProtocol(t, w3gsUDP, "warcraft3")
	wantNot(t, tcp(6112, CX("f7 1e 0800 01020304 f8 21 0400"), SX("f7 04 0600 0102")), "warcraft3")
	wantNot(t, udp(6112, CX("f7 2f 1100 50583357 1a000000 00000000")), "warcraft3")
	testTruncations(t, "warcraft3", w3gsTCP, 5)
	testTruncations(t, "warcraft3", w3gsUDP, 16)
	wantNoAllocations(t, "warcraft3", w3gsTCP)
}

func TestBNCS(t *testing.T) {
	wantProtocol(t, bncsAuth, "battle-net", `"product":"W3XP"`)
	testTruncations(t, "battle-net", bncsAuth, 5)
	wantNoAllocations(t, "battle-net", bncsAuth)
}

func TestWorldOfWarcraft(t *testing.T) {
	for _, k := range []talk{wowWorld, wowLogin} {
		if h := wantProtocol(t, k, "world-of-warcraft"); h.application != "world-of-warcraft" {
			t.Errorf("application %q", h.application)
		}
		testTruncations(t, "world-of-warcraft", k, 9)
	}
	wantNot(t, tcp(3724, C("\x00\x08\x26\x00WoT\x00\x01\x0c\x01\xf3\x1668x\x00niW\x00SUne\x3c\x00\x00\x00")), "world-of-warcraft")
	wantNoAllocations(t, "world-of-warcraft", wowWorld)
}

func FuzzPia(f *testing.F)       { fuzzTalks(f, "nintendo-pia", piaPacket) }
func FuzzNetcode(f *testing.F)   { fuzzTalks(f, "yojimbo", netcodeOpen) }
func FuzzAmongUs(f *testing.F)   { fuzzTalks(f, "among-us", amongUsHello) }
func FuzzMinecraft(f *testing.F) { fuzzTalks(f, "minecraft", minecraftOpen) }
func FuzzW3GS(f *testing.F)      { fuzzTalks(f, "warcraft3", w3gsTCP) }
func FuzzWorldOfWarcraft(f *testing.F) {
	fuzzTalks(f, "world-of-warcraft", wowWorld, wowLogin)
}
func FuzzBNCS(f *testing.F) { fuzzTalks(f, "battle-net", bncsAuth) }
