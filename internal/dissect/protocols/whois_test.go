// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// The exchange is that of RFC 3912 §2.
var whoisTalk = tcp(43, C("Smith\r\n"), S("Name: Mr Smith\r\n"))

func TestWhois(t *testing.T) {
	wantProtocol(t, whoisTalk, "whois", `"query":"Smith"`)
	wantProtocol(t, tcp(43, S("% This is a server.\n")), "whois")
	wantNot(t, tcp(43, C("Smith\r\n"), S("\x00\x01\x02\x03")), "dns")
	wantNot(t, tcp(43, C("\x16\x03\x01\x00\x05\r\n")), "whois")
	wantNot(t, tcp(44, C("Smith\r\n"), S("Name: Mr Smith\r\n")), "whois")
	wantNot(t, tcp(43, C("Smith\r\n"), S("x7f{Q\r\n")), "whois")
	wantNot(t, tcp(43, C("Smith\r\nJones\r\n"), S("Name: Mr Smith\r\n")), "whois")
	testTruncations(t, "whois", whoisTalk, 7)
	wantNoAllocations(t, "whois", whoisTalk)
}

func FuzzWhois(f *testing.F) { fuzzTalks(f, "whois", whoisTalk) }
