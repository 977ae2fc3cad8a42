// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"strings"
	"testing"
)

// netbiosEncode encodes a name of 15 bytes and its suffix in first-level encoding; the messages are built after RFC
// 1002 §4.
func netbiosEncode(name string, suffix byte) string {
	raw := append([]byte(name+strings.Repeat(" ", 15-len(name))), suffix)
	out := []byte{32}
	for _, b := range raw {
		out = append(out, 'A'+b>>4, 'A'+b&15)
	}
	return string(append(out, 0))
}

var (
	netbiosQuery = udp(137, C("\x12\x34\x01\x10\x00\x01\x00\x00\x00\x00\x00\x00"+netbiosEncode("FILESERVER", 0x20)+
		"\x00\x20\x00\x01"))
	netbiosDatagram = udp(138, C("\x11\x0a\x12\x34\xc0\x00\x02\x01\x00\x00\x00\x48\x00\x00"+netbiosEncode("DESK", 0)+
		netbiosEncode("GROUP", 0x1d)+"mailslot"))
	netbiosSession = tcp(139, C("\x81\x00\x00\x44"+netbiosEncode("FILESERVER", 0x20)+netbiosEncode("DESK", 0)),
		S("\x83\x00\x00\x01\x82"))
)

func TestNetBIOS(t *testing.T) {
	h := wantProtocol(t, netbiosQuery, "netbios", `"name":"FILESERVER"`, `"suffix":32`, `"operation":"query"`)
	if h.Host != "fileserver" {
		t.Errorf("host %q", h.Host)
	}
	wantProtocol(t, netbiosDatagram, "netbios", `"name":"DESK"`)
	wantProtocol(t, netbiosSession, "netbios", `"caller":"DESK"`)
	wantNot(t, udp(137, C("\x12\x34\x01\x10\x00\x01\x00\x00\x00\x00\x00\x00\x20"+strings.Repeat("a", 32)+
		"\x00\x00\x20\x00\x01")), "netbios")
	wantNot(t, udp(138, C("\x11\x0a\x12\x34\xc0\x00\x02\x01\x00\x00\x00\x48\x00\x00"+strings.Repeat("x", 80))),
		"netbios")
	for _, k := range []talk{netbiosQuery, netbiosDatagram, netbiosSession} {
		testTruncations(t, "netbios", k, 44)
		wantNoAllocations(t, "netbios", k)
	}
}

func FuzzNetBIOS(f *testing.F)         { fuzzTalks(f, "netbios", netbiosQuery) }
func FuzzNetBIOSDatagram(f *testing.F) { fuzzTalks(f, "netbios", netbiosDatagram) }
func FuzzNetBIOSSession(f *testing.F)  { fuzzTalks(f, "netbios", netbiosSession) }
