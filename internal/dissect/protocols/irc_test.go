// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// After RFC 2812's examples.
var (
	ircLogin = tcp(6667, C("NICK Wiz\r\nUSER guest 0 * :Ronnie Reagan\r\n"),
		S(":tolsun.oulu.fi 001 Wiz :Welcome to the Internet Relay Network\r\n"))
	ircNotice = tcp(6697, S("NOTICE AUTH :*** Looking up your hostname\r\n"), C("CAP LS 302\r\nNICK Wiz\r\n"))
)

func TestIRC(t *testing.T) {
	wantProtocol(t, ircLogin, "irc", `"nick":"Wiz"`, `"server":"tolsun.oulu.fi"`)
	wantProtocol(t, ircNotice, "irc", `"nick":"Wiz"`)
	wantProtocol(t, tcp(1, S(":irc.example 372 Wiz :- Message of the day\r\n")), "irc")
	wantNot(t, tcp(6667, C("USER anna\r\nPASS x\r\n"), S("220 ftp\r\n")), "irc")
	wantNot(t, tcp(6667, C("NICK of time\r\n")), "irc")
	wantNot(t, tcp(6667, S(":10 100\r\n")), "irc")
	for _, k := range []talk{ircLogin, ircNotice} {
		testTruncations(t, "irc", k, 20)
		wantNoAllocations(t, "irc", k)
	}
}

func FuzzIRC(f *testing.F) { fuzzTalks(f, "irc", ircLogin, ircNotice) }
