// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"crypto/sha1"
	"crypto/sha256"
	"sync"
	"time"

	"github.com/weirnet/weir/internal/dissect"
	"github.com/weirnet/weir/internal/record"
	"github.com/weirnet/weir/internal/wire/tls"
	"github.com/weirnet/weir/internal/wire/x509"
)

// tlsFatal is an alert's level if it ends the connection (RFC 5246 §7.2).
const tlsFatal = 2

// tlsScratch is the working memory of a call of TLS, DTLS or QUIC. It holds views of the conversation during the call
// only.
type tlsScratch struct {
	transport    byte // 't', 'd' or 'q', as in JA4
	hello        tls.ClientHello
	answer       tls.ServerHello
	helloStatus  tls.Status
	answerStatus tls.Status
	answerSide   int    // direction of the answer, -1 if none
	leaf         []byte // the server's certificate in DER
	noLeaf       bool   // a certificate message without certificate
	keyExchange  bool   // the server continued past its certificate's place
	encrypted    bool   // the server continued encrypted
	alert        uint8  // description of a fatal alert, 0 if none (close_notify is never fatal)
	certificate  x509.Certificate
	names        [dissect.MaxList][]byte
	text         [64]byte
	malformed    bool                       // a ClientHello by all its outer lengths, but not inside
	joined       [3][dissect.MaxStream]byte // handshakes that span records, messages that span datagrams
}

var tlsScratches = sync.Pool{New: func() any { return new(tlsScratch) }}

func (s *tlsScratch) reset(transport byte) {
	s.transport = transport
	s.hello, s.answer = tls.ClientHello{}, tls.ServerHello{}
	s.helloStatus, s.answerStatus, s.answerSide = tls.Invalid, tls.Invalid, -1
	s.leaf, s.noLeaf, s.keyExchange, s.encrypted, s.alert = nil, false, false, false, 0
	s.malformed = false
}

// readMessages reads the handshake messages of one direction.
func (s *tlsScratch) readMessages(b []byte, datagram bool) {
	answered := false
	for first := true; ; first = false {
		m, rest, ok := tls.ParseMessage(b)
		if !ok || !s.readMessage(&m, datagram, first, &answered) {
			return
		}
		b = rest
	}
}

// readMessage reads one message and reports whether to read more. The hellos must come first.
func (s *tlsScratch) readMessage(m *tls.Message, datagram, first bool, answered *bool) bool {
	const shortest, longest = 38, 1 << 16 // version, random, three empty vectors; a record of QUIC or 4 of TLS
	switch {
	case m.Type == tls.ClientHelloType && first:
		if s.helloStatus == tls.Invalid && m.Length >= shortest && m.Length < longest && len(m.Body) >= 2 {
			s.helloStatus = s.hello.Parse(m, datagram)
			s.malformed = s.helloStatus == tls.Invalid && s.hello.SessionID != nil && m.Complete()
		}
		return false
	case m.Type == tls.ServerHelloType && first:
		if s.answerStatus == tls.Invalid && m.Length >= shortest && m.Length < longest && len(m.Body) >= 2 {
			s.answerStatus = s.answer.Parse(m, datagram)
		}
		*answered = s.answerStatus == tls.Valid
		return *answered
	case m.Type == tls.CertificateType && *answered:
		s.leaf, s.noLeaf, _ = m.Leaf()
	case m.Type >= tls.ServerKeyExchange && m.Type <= tls.ServerHelloDone && *answered:
		s.keyExchange = true
	}
	return *answered && m.Complete()
}

// named reports whether the call recognised a hello.
func (s *tlsScratch) named() bool {
	return s.helloStatus != tls.Invalid || s.answerStatus != tls.Invalid
}

// complete reports whether later packets can add nothing.
func (s *tlsScratch) complete() bool {
	if s.alert != 0 {
		return true
	}
	return s.answerStatus == tls.Valid && (s.hides() || s.leaf != nil || s.noLeaf || s.keyExchange || s.encrypted)
}

// hides reports whether the negotiated version encrypts certificates.
func (s *tlsScratch) hides() bool {
	v := s.answer.Negotiated()
	return v == tls.VersionTLS13 || v == tls.VersionDTLS13 || v>>8 != 3 && v>>8 != 0xfe && v != tls.VersionDTLSOld
}

// offers reports whether the client's ALPN includes protocol.
func (s *tlsScratch) offers(protocol string) bool {
	for name, rest := s.hello.ALPN.Next(); name != nil; name, rest = rest.Next() {
		if string(name) == protocol {
			return true
		}
	}
	return false
}

// report writes the result: the object tls, host, certificate, risks.
func (s *tlsScratch) report(r *dissect.Result) {
	o := r.Object("tls")
	version := s.hello.MaxVersion()
	if s.answerStatus == tls.Valid {
		version = s.answer.Negotiated()
	}
	o.String("version", tlsVersionName(version))
	s.reportHello(r, o)
	if s.answerStatus == tls.Valid {
		s.reportAnswer(r, o)
	}
	if s.alert != 0 {
		o.Int("alert", int64(s.alert))
	}
	s.reportCertificate(r, o)
}

func (s *tlsScratch) reportHello(r *dissect.Result, o *dissect.Object) {
	h := &s.hello
	o.Text("sni", h.ServerName)
	if len(h.ServerName) > 0 && !s.isPublicName() {
		r.SetHost(h.ServerName)
	}
	n := 0
	for name, rest := h.ALPN.Next(); name != nil && n < dissect.MaxList; name, rest = rest.Next() {
		if len(name) > 0 {
			s.names[n] = name
			n++
		}
	}
	o.Texts("alpn", s.names[:n])
	if h.ECH {
		o.Bool("ech", true)
	}
	if h.ESNI {
		o.Bool("esni", true)
	}
	if s.helloStatus != tls.Valid {
		return
	}
	o.Text("ja3", h.AppendJA3(s.text[:0]))
	o.Text("ja4", h.AppendJA4(s.text[:0], s.transport))
	if !h.HasServerName && !h.ESNI && !h.SSL2 {
		r.Risk(record.RiskTLSMissingSNI)
	}
}

// isPublicName reports whether the SNI is the outer name that a provider shares among all its ECH connections: it
// reveals no host. Other names may be true ones beside the filler that browsers send.
func (s *tlsScratch) isPublicName() bool {
	return s.hello.ECH && string(s.hello.ServerName) == "cloudflare-ech.com"
}

func (s *tlsScratch) reportAnswer(r *dissect.Result, o *dissect.Object) {
	a := &s.answer
	if name := tls.CipherName(a.CipherSuite); name != "" {
		o.String("cipher", name)
	} else {
		b := append(s.text[:0], '0', 'x')
		for shift := 12; shift >= 0; shift -= 4 {
			b = append(b, hexDigits[a.CipherSuite>>shift&15])
		}
		o.Text("cipher", b)
	}
	o.Text("alpn_selected", a.ALPN)
	o.Text("ja3s", a.AppendJA3S(s.text[:0]))
	if s.resumed() {
		o.Bool("resumed", true)
	}
	if v := a.Negotiated(); v < tls.VersionTLS12 || v == tls.VersionDTLS10 {
		r.Risk(record.RiskTLSObsoleteVersion)
	}
	if tls.IsWeakCipher(a.CipherSuite) {
		r.Risk(record.RiskTLSWeakCipher)
	}
}

// resumed reports whether the server resumed an old session: by a pre-shared key, or without certificate under the
// client's session identifier.
func (s *tlsScratch) resumed() bool {
	if s.hides() {
		return s.answer.PreSharedKey
	}
	return s.encrypted && s.leaf == nil && !s.noLeaf && !s.keyExchange
}

func (s *tlsScratch) reportCertificate(r *dissect.Result, o *dissect.Object) {
	switch {
	case s.answerStatus != tls.Valid:
		return
	case s.hides() || s.resumed():
		r.SetCertificate(dissect.CertificateHidden)
		return
	case s.leaf == nil:
		if s.noLeaf || s.keyExchange {
			r.SetCertificate(dissect.CertificateMissing)
		}
		return
	}
	sum1, sum256 := sha1.Sum(s.leaf), sha256.Sum256(s.leaf)
	c := &s.certificate
	if !c.Parse(s.leaf) {
		o.Hex("certificate_sha256", sum256[:])
		return
	}
	r.SetCertificate(dissect.CertificateShown)
	if c.SelfIssued {
		r.SetCertificate(dissect.CertificateSelfSigned)
		r.Risk(record.RiskCertificateSelfSigned)
		o.Bool("certificate_self_signed", true)
	}
	o.Text("certificate_subject", c.Subject.CommonName)
	o.Text("certificate_organization", c.Subject.Organization)
	o.Text("certificate_issuer", c.Issuer.CommonName)
	o.Text("certificate_issuer_organization", c.Issuer.Organization)
	s.reportTime(o, "certificate_not_before", c.NotBefore)
	s.reportTime(o, "certificate_not_after", c.NotAfter)
	o.Hex("certificate_sha256", sum256[:])
	o.Hex("certificate_sha1", sum1[:])
	o.String("certificate_key", c.Key.String())
	o.Texts("certificate_sans", c.DNSNames())
	r.AddCertificateName(c.Subject.CommonName)
	r.AddCertificateName(c.Subject.Organization)
	for _, name := range c.DNSNames() {
		r.AddCertificateName(name)
	}
	if len(s.hello.ServerName) == 0 && tlsIsHostName(c.Subject.CommonName) {
		r.SetHost(c.Subject.CommonName)
	}
}

func (s *tlsScratch) reportTime(o *dissect.Object, field string, t time.Time) {
	if !t.IsZero() {
		o.Text(field, t.AppendFormat(s.text[:0], time.RFC3339))
	}
}

// tlsIsHostName reports whether a common name is a host name of at least two labels: letters, digits, hyphens,
// underscores, and a last label that is no number. Wildcards don't count.
func tlsIsHostName(name []byte) bool {
	if len(name) == 0 || len(name) > dissect.MaxHost {
		return false
	}
	dots, label, letter := 0, 0, false
	for _, b := range name {
		switch {
		case b == '.':
			if label == 0 {
				return false
			}
			dots, label, letter = dots+1, 0, false
			continue
		case 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z':
			letter = true
		case b != '-' && b != '_' && (b < '0' || b > '9'):
			return false
		}
		label++
	}
	return dots > 0 && label > 0 && letter
}

// tlsVersionName returns the usual name of a version, "" for unknown ones.
func tlsVersionName(v uint16) string {
	switch v {
	case tls.VersionSSL2:
		return "ssl-2.0"
	case tls.VersionSSL3:
		return "ssl-3.0"
	case tls.VersionTLS10:
		return "1.0"
	case tls.VersionTLS11:
		return "1.1"
	case tls.VersionTLS12:
		return "1.2"
	case tls.VersionTLS13:
		return "1.3"
	case tls.VersionDTLS10:
		return "dtls-1.0"
	case tls.VersionDTLSOld:
		return "dtls-0.9"
	case tls.VersionDTLS12:
		return "dtls-1.2"
	case tls.VersionDTLS13:
		return "dtls-1.3"
	}
	if v>>8 == 0x7f || v == 0xfb17 || v == 0xfb1a {
		return "1.3-draft" // RFC 8446 drafts 18 to 28, and Facebook's of 23 and 26
	}
	return ""
}
