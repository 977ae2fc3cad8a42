// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Exchanges after the examples of RFC 1939 §10. The bytes after STLS are the record header of a ClientHello.
var (
	pop3Login = tcp(110, S("+OK POP3 server ready\r\n"), C("USER mrose\r\n"), S("+OK\r\n"), C("PASS secret\r\n"))
	pop3TLS   = tcp(110, S("+OK ready\r\n"), C("STLS\r\n"), S("+OK Begin TLS negotiation\r\n"),
		CX("1603010005 0100000100"))
)

func TestPOP3(t *testing.T) {
	wantProtocol(t, pop3TLS, "pop3", `"starttls":true`)
	wantProtocol(t, tcp(110, S("+OK Microsoft POP3 ready\r\n")), "pop3")
	wantProtocol(t, tcp(110, S("+OK Dovecot ready.\r\n")), "pop3")
	wantProtocol(t, tcp(110, C("CAPA\r\n"), C("USER a\r\n")), "pop3", `"user":"a"`)
	wantCleartext(t, pop3Login, "pop3")
	wantNot(t, tcp(110, C("*1\r\n$4\r\nPING\r\n"), S("+OK\r\n")), "pop3")
	wantNot(t, tcp(110, S("+OK\r\n+OK\r\n")), "pop3")
	wantNot(t, tcp(110, C("USER a\r\nPASS b\r\n")), "pop3")
	wantNot(t, tcp(110, C("SELECT 1\r\n"), S("+OK\r\n")), "pop3")
	for _, k := range []talk{pop3Login, pop3TLS} {
		testTruncations(t, "pop3", k, 10)
		wantNoAllocations(t, "pop3", k)
	}
}

func FuzzPOP3(f *testing.F) { fuzzTalks(f, "pop3", pop3Login, pop3TLS) }
