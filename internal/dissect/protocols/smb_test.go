// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/weirnet/weir/internal/dissect"
)

// The messages are built after [MS-SMB2] §2.2 and [MS-CIFS] §2.2.
func smbFrame(message string) string {
	return string(binary.BigEndian.AppendUint32(nil, uint32(len(message)))) + message
}

func smb2(command byte, response bool, body string) string {
	h := make([]byte, smb2Header)
	copy(h, "\xfeSMB\x40")
	h[12] = command
	if response {
		h[16] = 1
	}
	return smbFrame(string(h) + body)
}

func smb1(command byte, response bool, body string) string {
	h := make([]byte, smb1Header)
	copy(h, "\xffSMB")
	h[4], h[11] = command, 0x80
	if response {
		h[9] = 0x80
	}
	return smbFrame(string(h) + body)
}

func wide(s string) string {
	var b strings.Builder
	for i := range len(s) {
		b.WriteByte(s[i])
		b.WriteByte(0)
	}
	return b.String()
}

var smbNTLM = "NTLMSSP\x00\x03\x00\x00\x00" + strings.Repeat("\x00", 16) +
	"\x08\x00\x08\x00\x40\x00\x00\x00" + "\x06\x00\x06\x00\x48\x00\x00\x00" + "\x04\x00\x04\x00\x4e\x00\x00\x00" +
	strings.Repeat("\x00", 8) + "\x01\x00\x00\x00" + wide("CORP") + wide("ann") + wide("PC")

var (
	smb2Talk = tcp(445,
		C(smb2(0, false, "\x24\x00\x01\x00"+strings.Repeat("\x00", 32)+"\x11\x03")),
		S(smb2(0, true, "\x41\x00\x01\x00\x11\x03\x00\x00"+strings.Repeat("\x00", 57))),
		C(smb2(1, false, "\x19\x00\x00\x01"+strings.Repeat("\x00", 20)+smbNTLM)),
		C(smb2(3, false, "\x09\x00\x00\x00\x48\x00\x16\x00"+wide(`\\srv\files`))))
	smb1Talk = tcp(139,
		C("\x81\x00\x00\x44"+netbiosEncode("FILESERVER", 0x20)+netbiosEncode("DESK", 0)), S("\x82\x00\x00\x00"),
		C(smb1(0x72, false, "\x00\x0c\x00\x02NT LM 0.12\x00")), S(smb1(0x72, true, "\x00\x00\x00")),
		C(smb1(0x75, false, "\x04\xff\x00\x00\x00\x00\x00\x01\x00\x20\x00\x00"+wide(`\\SRV\IPC$`)+"\x00\x00")))
)

func TestSMB(t *testing.T) {
	wantProtocol(t, smb2Talk, "smb", `"version":2`, `"dialect":"3.1.1"`, `"share":"\\\\srv\\files"`, `"domain":"CORP"`,
		`"user":"ann"`, `"workstation":"PC"`)
	h := wantProtocol(t, smb1Talk, "smb", `"version":1`, `"share":"\\\\SRV\\IPC$"`)
	if len(h.Risks) != 1 || h.Risks[0] != "smb1" {
		t.Errorf("risks %v", h.Risks)
	}
	wantProtocol(t, tcp(4000, C("\x00\x00\x00\x64\xfdSMB"+strings.Repeat("\xaa", 96))), "smb", `"encrypted":true`)
	wantNot(t, tcp(445, C("\x00\x00\x00\x40\xffRMB"+strings.Repeat("x", 60))), "smb")
	midstream := talk{Over: dissect.TCP, ServerPort: 445, Midstream: true, Says: []say{C("the end of a message"),
		smb2Talk.Says[1]}}
	wantProtocol(t, midstream, "smb", `"dialect":"3.1.1"`)
	wantNot(t, tcp(445, C("GET / HTTP/1.1\r\n\r\n")), "smb")
	for _, k := range []talk{smb1Talk, smb2Talk} {
		testTruncations(t, "smb", k, 8)
		wantNoAllocations(t, "smb", k)
	}
}

func FuzzSMB(f *testing.F) { fuzzTalks(f, "smb", smb2Talk, smb1Talk) }
