// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built from RFC 854, RFC 1091 (terminal type) and RFC 857, 858 (echo, suppress go ahead).
var telnetLogin = tcp(23,
	CX("fffd03 fffb18 fffb1f"), SX("fffd18 fffb01 fffa1801fff0"), C("\xff\xfa\x18\x00xterm\xff\xf0"), S("login: "),
	C("a\r\n"), S("Password: "))

func TestTelnet(t *testing.T) {
	if h := wantProtocol(t, telnetLogin, "telnet", `"terminal":"xterm"`); len(h.Risks) != 1 {
		t.Errorf("risks %v", h.Risks)
	}
	wantProtocol(t, tcp(2001, SX("fffd18"), CX("fffb18")), "telnet")
	wantNot(t, tcp(23, SX("fffd18")), "telnet")
	wantNot(t, tcp(23, SX("ffffff ffffff")), "telnet")
	wantNot(t, tcp(23, C("hello\r\n"), S("hello\r\n")), "telnet")
	testTruncations(t, "telnet", telnetLogin, 9)
	wantNoAllocations(t, "telnet", telnetLogin)
}

func FuzzTelnet(f *testing.F) { fuzzTalks(f, "telnet", telnetLogin) }
