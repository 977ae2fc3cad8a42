// SPDX-License-Identifier: Apache-2.0

package dissect

import "testing"

// Exchanges after the examples of RFC 5321 appendix D, RFC 4954 §4.3, RFC 1939 §10, RFC 9051 §8 and RFC 3977 §5. The bytes
// after STARTTLS are the record header of a ClientHello.
var (
	smtpMail     = tcp(25, S("220 foo.com Simple Mail Transfer Service Ready\r\n"), C("EHLO bar.com\r\n"), S("250-foo.com greets bar.com\r\n250 HELP\r\n"), C("MAIL FROM:<Smith@bar.com>\r\n"), S("250 OK\r\n"))
	smtpAuth     = tcp(587, S("220-smtp.example.com ESMTP Server\r\n"), C("EHLO client.example.com\r\n"), C("AUTH PLAIN dGVzdAB0ZXN0ADEyMzQ=\r\n"))
	smtpStartTLS = tcp(25, S("220 mail.imc.org SMTP service ready\r\n"), C("EHLO mail.example.com\r\n"), S("250 STARTTLS\r\n"), C("STARTTLS\r\n"), S("220 Go ahead\r\n"), CX("1603010005 0100000100"))
	pop3Login    = tcp(110, S("+OK POP3 server ready\r\n"), C("USER mrose\r\n"), S("+OK\r\n"), C("PASS secret\r\n"))
	pop3TLS      = tcp(110, S("+OK ready\r\n"), C("STLS\r\n"), S("+OK Begin TLS negotiation\r\n"), CX("1603010005 0100000100"))
	imapLogin    = tcp(143, S("* OK [CAPABILITY STARTTLS] Service Ready\r\n"), C("a001 login mrc secret\r\n"), S("a001 OK LOGIN completed\r\n"))
	imapTLS      = tcp(143, S("* OK IMAP4rev2 Service Ready\r\n"), C("a002 STARTTLS\r\n"), S("a002 OK Begin TLS negotiation now\r\n"), CX("1603010005 0100000100"))
	nntpReader   = tcp(119, S("200 Reader Service Ready, posting permitted\r\n"), C("MODE READER\r\n"), S("200 ok\r\n"), C("AUTHINFO USER a\r\n"), C("AUTHINFO PASS b\r\n"))
)

func TestSMTP(t *testing.T) {
	if h := wantProtocol(t, smtpMail, "smtp", `"server":"foo.com"`, `"helo":"bar.com"`); h.host != "foo.com" || len(h.risks) != 0 {
		t.Errorf("host %q, risks %v", h.host, h.risks)
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

func TestNNTP(t *testing.T) {
	wantProtocol(t, nntpReader, "nntp", `"greeting":"200 Reader`)
	wantCleartext(t, nntpReader, "nntp")
	wantNot(t, tcp(119, S("200 OK\r\n"), C("USER a\r\n")), "nntp")
	testTruncations(t, "nntp", nntpReader, 10)
	wantNoAllocations(t, "nntp", nntpReader)
}

// wantCleartext fails unless the talk gets that name and the risk of credentials in the clear, no other.
func wantCleartext(t *testing.T, k talk, protocol string) {
	t.Helper()
	if h := wantProtocol(t, k, protocol); len(h.risks) != 1 || h.risks[0] != "cleartext-credentials" {
		t.Errorf("%s: risks %v", protocol, h.risks)
	}
}

func FuzzSMTP(f *testing.F) { fuzzTalks(f, "smtp", smtpMail, smtpAuth, smtpStartTLS) }
func FuzzPOP3(f *testing.F) { fuzzTalks(f, "pop3", pop3Login, pop3TLS) }
func FuzzIMAP(f *testing.F) { fuzzTalks(f, "imap", imapLogin, imapTLS) }
func FuzzNNTP(f *testing.F) { fuzzTalks(f, "nntp", nntpReader) }
