// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Exchanges after the examples of RFC 5321 appendix D and RFC 4954 §4.3. The bytes after STARTTLS are the record header
// of a ClientHello.
var (
	smtpMail = tcp(25, S("220 foo.com Simple Mail Transfer Service Ready\r\n"), C("EHLO bar.com\r\n"),
		S("250-foo.com greets bar.com\r\n250 HELP\r\n"), C("MAIL FROM:<Smith@bar.com>\r\n"), S("250 OK\r\n"))
	smtpAuth = tcp(587, S("220-smtp.example.com ESMTP Server\r\n"), C("EHLO client.example.com\r\n"),
		C("AUTH PLAIN dGVzdAB0ZXN0ADEyMzQ=\r\n"))
	smtpStartTLS = tcp(25, S("220 mail.imc.org SMTP service ready\r\n"), C("EHLO mail.example.com\r\n"),
		S("250 STARTTLS\r\n"), C("STARTTLS\r\n"), S("220 Go ahead\r\n"), CX("1603010005 0100000100"))
)

func TestSMTP(t *testing.T) {
	if h := wantProtocol(t, smtpMail, "smtp", `"server":"foo.com"`, `"helo":"bar.com"`); h.Host != "foo.com" ||
		len(h.Risks) != 0 {
		t.Errorf("host %q, risks %v", h.Host, h.Risks)
	}
	wantProtocol(t, smtpStartTLS, "smtp", `"starttls":true`)
	wantProtocol(t, tcp(25, S("220 foo.com ready\r\n"), S("250-foo.com\r\n250-SIZE 1000\r\n")), "smtp")
	wantProtocol(t, tcp(25, C("HELO a\r\n")), "smtp")
	wantProtocol(t, tcp(25, S("554 No SMTP service here\r\n")), "smtp")
	wantCleartext(t, smtpAuth, "smtp")
	wantNot(t, tcp(25, S("220 files\r\n"), C("USER a\r\n")), "smtp")
	wantNot(t, tcp(25, S("hello\r\n"), C("STARTTLS\r\n")), "smtp")
	for _, k := range []talk{smtpMail, smtpAuth, smtpStartTLS} {
		testTruncations(t, "smtp", k, 20)
		wantNoAllocations(t, "smtp", k)
	}
}

func FuzzSMTP(f *testing.F) { fuzzTalks(f, "smtp", smtpMail, smtpAuth, smtpStartTLS) }
