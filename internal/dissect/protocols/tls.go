// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"github.com/weirnet/weir/internal/dissect"
	"github.com/weirnet/weir/internal/wire/tls"
)

// tls: SSL 2.0 hellos, SSL 3.0 to TLS 1.3 over TCP, by the hellos or, in mid-flow, by consecutive records.
var tlsProtocol = &dissect.Protocol{
	Name:      "tls",
	Also:      []string{"dot"},
	Spec:      "RFC 8446 §4, §5.1; RFC 5246 §6.2, §7.4, Appendix E.2; RFC 6101",
	Category:  "web",
	Over:      dissect.TCP,
	Ports:     []uint16{443, 465, 563, 636, 853, 989, 990, 992, 993, 994, 995, 5061, 5223, 8443, 8883},
	Start:     dissect.ByteRange(tls.RecordChangeCipherSpec, tls.RecordHeartbeat).Or(dissect.ByteRange(0x80, 0x83)),
	MinLength: tls.RecordHeader,
	Extra:     12, // a chain of certificates spans packets
	Members: []string{"tls.alert", "tls.alpn", "tls.alpn_selected", "tls.certificate_issuer",
		"tls.certificate_issuer_organization", "tls.certificate_key", "tls.certificate_not_after",
		"tls.certificate_not_before", "tls.certificate_organization", "tls.certificate_sans",
		"tls.certificate_self_signed", "tls.certificate_sha1", "tls.certificate_sha256", "tls.certificate_subject",
		"tls.cipher", "tls.ech", "tls.ja3", "tls.ja3s", "tls.ja4", "tls.resumed", "tls.sni", "tls.version"},
	Inspect: inspectTLS,
}

func inspectTLS(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	s := tlsScratches.Get().(*tlsScratch)
	defer tlsScratches.Put(s)
	s.readStreams(c.ToServer(), c.ToClient())
	if s.malformed && !s.named() {
		return dissect.Yes // record, message, versions and session identifier fix over 60 bits
	}
	if !s.named() {
		return tlsMidstream(c)
	}
	if s.isDNSOverTLS() {
		r.SetProtocol("dot")
	}
	s.report(r)
	if s.complete() {
		return dissect.Yes
	}
	return dissect.YesMore
}

// tlsFields reads TLS from its start in both directions (after STARTTLS), either of which may be nil or cut, and fills
// the object tls, host, certificate names and risks. ok: the streams are TLS; complete: more bytes add nothing. It
// writes nothing unless ok.
func tlsFields(r *dissect.Result, toServer, toClient []byte) (ok, complete bool) {
	s := tlsScratches.Get().(*tlsScratch)
	defer tlsScratches.Put(s)
	s.readStreams(toServer, toClient)
	if !s.named() {
		return false, false
	}
	s.report(r)
	return true, s.complete()
}

// readStreams reads both directions of a TCP flow, whichever of them is the client's.
func (s *tlsScratch) readStreams(toServer, toClient []byte) {
	s.reset('t')
	for i, stream := range [2][]byte{toServer, toClient} {
		if len(stream) > 0 && stream[0] >= 0x80 {
			if s.helloStatus == tls.Invalid {
				s.helloStatus = s.hello.ParseSSL2(stream)
			}
			continue
		}
		var f tls.Flight
		f.Read(stream, s.joined[i][:])
		if f.First != tls.RecordHandshake && f.First != tls.RecordAlert {
			continue
		}
		s.readMessages(f.Handshake, false)
		if s.answerSide < 0 && s.answerStatus != tls.Invalid {
			s.answerSide, s.encrypted = i, f.Encrypted
		}
		if f.Alerted && f.AlertLevel == tlsFatal {
			s.alert = f.Alert
		}
	}
}

// tlsMidstream recognises TLS after its hellos: two records that follow one another exactly in a direction, a record
// header at the start of both directions, or one record of application data or alert that fills the stream. Each of
// them fixes over 37 bits.
func tlsMidstream(c *dissect.Conversation) dissect.Verdict {
	toServer, toClient := c.ToServer(), c.ToClient()
	up, down := tls.Chain(toServer, 2), tls.Chain(toClient, 2)
	if up == 2 || down == 2 || up == 1 && down == 1 || tlsExactRecord(toServer) || tlsExactRecord(toClient) {
		return dissect.Yes
	}
	if up+down > 0 || len(toServer) < tls.RecordHeader && len(toClient) < tls.RecordHeader {
		return dissect.NeedMore
	}
	return dissect.No
}

// tlsExactRecord reports whether stream is one record of encrypted data or of an alert.
func tlsExactRecord(stream []byte) bool {
	rec, rest, ok := tls.ParseRecord(stream)
	if !ok || !rec.Complete() || len(rest) > 0 || rec.Version < tls.VersionSSL3 || rec.Version > tls.VersionTLS12 {
		return false
	}
	const encryptedAlert, longestAlert = 18, 128 // its 2 bytes with the shortest MAC or tag; with MAC, IV and padding
	switch rec.Type {
	case tls.RecordApplicationData:
		return rec.Length >= encryptedAlert
	case tls.RecordAlert:
		return rec.Length == 2 && (rec.Body[0] == 1 || rec.Body[0] == tlsFatal) || rec.Length >= encryptedAlert &&
			rec.Length <= longestAlert
	}
	return false
}
