// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Exchanges after the examples of RFC 9051 §8. The bytes after STARTTLS are the record header of a ClientHello.
var (
	imapLogin = tcp(143, S("* OK [CAPABILITY STARTTLS] Service Ready\r\n"), C("a001 login mrc secret\r\n"),
		S("a001 OK LOGIN completed\r\n"))
	imapTLS = tcp(143, S("* OK IMAP4rev2 Service Ready\r\n"), C("a002 STARTTLS\r\n"),
		S("a002 OK Begin TLS negotiation now\r\n"), CX("1603010005 0100000100"))
)

func TestIMAP(t *testing.T) {
	wantProtocol(t, tcp(143, C("A1 CAPABILITY\r\n"), C("A2 LOGIN a b\r\n")), "imap", `"user":"a"`)
	wantProtocol(t, imapTLS, "imap", `"starttls":true`)
	wantProtocol(t, tcp(143, S("* PREAUTH IMAP4rev1 server logged in as Smith\r\n")), "imap")
	wantCleartext(t, imapLogin, "imap")
	wantNot(t, tcp(143, C("A1 CAPABILITY\r\n")), "imap")
	wantNot(t, tcp(143, S("* OK\r\n"), C("hello\r\n")), "imap")
	for _, k := range []talk{imapLogin, imapTLS} {
		testTruncations(t, "imap", k, 10)
		wantNoAllocations(t, "imap", k)
	}
}

func FuzzIMAP(f *testing.F) { fuzzTalks(f, "imap", imapLogin, imapTLS) }
