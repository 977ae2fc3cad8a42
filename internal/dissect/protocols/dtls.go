// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"github.com/weirnet/weir/internal/dissect"
	"github.com/weirnet/weir/internal/wire/tls"
)

// dtls: DTLS 1.0 to 1.3, by the hellos or by datagrams that consist of records.
var dtlsProtocol = &dissect.Protocol{
	Name:      "dtls",
	Spec:      "RFC 6347 §4; RFC 9147 §4, §5",
	Category:  "web",
	Over:      dissect.UDP | dissect.SCTP,
	Ports:     []uint16{5684},
	Start:     dissect.ByteRange(tls.RecordChangeCipherSpec, tls.RecordACK),
	MinLength: tls.DatagramRecordHeader + 1,
	Extra:     12, // certificates span datagrams
	Members:   []string{"tls.*"},
	Inspect:   inspectDTLS,
}

func inspectDTLS(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	ok, complete := dtlsFields(c, r)
	switch {
	case complete:
		return dissect.Yes
	case ok:
		return dissect.YesMore
	}
	return dissect.No
}

// dtlsFields finds DTLS among a flow's datagrams, which may include others, and fills the object tls, host, certificate
// names and risks, as tlsFields does. ok: the flow has DTLS; complete: later datagrams can add nothing.
func dtlsFields(c *dissect.Conversation, r *dissect.Result) (ok, complete bool) {
	s := tlsScratches.Get().(*tlsScratch)
	defer tlsScratches.Put(s)
	s.reset('d')
	seen := dtlsSeen{answerSide: -1}
	for i, kind := range dtlsKinds {
		seen.messages[i] = dtlsAssembly{message: tls.Message{Type: kind}, buf: s.joined[i][:]}
	}
	for range dtlsMaxPasses {
		seen.early = false
		for w := (dtlsWalk{datagrams: c.Datagrams}); w.next(); {
			seen.record(&w, s)
		}
		if !seen.early {
			break
		}
	}
	if !seen.dtls {
		return false, false
	}
	answered := false
	for i := range seen.messages {
		if m := seen.messages[i].get(); m != nil {
			s.readMessage(m, true, m.Type != tls.CertificateType, &answered)
		}
	}
	if s.named() {
		s.report(r)
	}
	return true, s.complete() || !seen.handshake
}

// dtlsKinds are the reassembled messages, in reading order. The client's hello may come twice, the second time with a
// cookie: the first suffices.
var dtlsKinds = [...]uint8{tls.ClientHelloType, tls.ServerHelloType, tls.CertificateType}

// dtlsMaxPasses bounds the passes over a flow's fragments: one if datagrams are in order, and one more for each that
// came too early.
const dtlsMaxPasses = 4

// dtlsSeen is the content of a flow's records.
type dtlsSeen struct {
	dtls       bool // a datagram consists of records
	handshake  bool // the flow has a cleartext handshake
	answerSide int  // direction of the ServerHello, -1 before
	early      bool // a fragment follows a gap: another pass can add it
	messages   [len(dtlsKinds)]dtlsAssembly
}

func (d *dtlsSeen) record(w *dtlsWalk, s *tlsScratch) {
	d.dtls = true
	rec, way := &w.rec, dissect.Direction(w.fromClient)
	switch {
	case rec.Epoch > 0 || rec.Type == tls.RecordChangeCipherSpec:
		s.encrypted = s.encrypted || d.answerSide == way
	case rec.Type == tls.RecordHandshake:
		d.handshake = true
		for f, ok := w.nextFragment(); ok; f, ok = w.nextFragment() {
			switch f.Type {
			case tls.ServerHelloType:
				d.answerSide = way
			case tls.ServerKeyExchange, tls.CertificateRequest, tls.ServerHelloDone:
				s.keyExchange = true
			}
			if f.Type == tls.CertificateType && way != d.answerSide {
				continue // the client's
			}
			for i := range d.messages {
				d.early = d.messages[i].add(&f, w.fromClient) || d.early
			}
		}
	case rec.Type == tls.RecordAlert && rec.Length == 2 && len(rec.Body) == 2 && rec.Body[0] == tlsFatal:
		s.alert = rec.Body[1]
	}
}

// dtlsWalk walks the records of the datagrams that consist of records.
type dtlsWalk struct {
	datagrams  []dissect.Datagram
	rest       []byte // of the datagram
	missing    int    // bytes of it that the capture omitted
	fromClient bool
	rec        tls.DatagramRecord
	fragments  []byte // the rest of rec, for nextFragment
}

func (w *dtlsWalk) next() bool {
	for {
		if rec, rest, ok := tls.ParseDatagramRecord(w.rest, w.missing); ok {
			w.rec, w.rest, w.fragments = rec, rest, rec.Body
			return true
		}
		if len(w.datagrams) == 0 {
			return false
		}
		d := &w.datagrams[0]
		w.datagrams, w.rest = w.datagrams[1:], nil
		w.missing, w.fromClient = max(d.Length-len(d.Payload), 0), d.FromClient
		if dtlsIsRecords(d.Payload, w.missing) {
			w.rest = d.Payload
		}
	}
}

// nextFragment returns the next handshake fragment of the current record.
func (w *dtlsWalk) nextFragment() (f tls.Fragment, ok bool) {
	f, w.fragments, ok = tls.ParseFragment(w.fragments, w.missing)
	return f, ok
}

// dtlsIsRecords reports whether a datagram consists of records that end with it; encrypted DTLS 1.3 records may follow
// those of a hello. The first record fixes type, version, most of the epoch and the length: 51 bits.
func dtlsIsRecords(b []byte, missing int) bool {
	rec, rest, ok := tls.ParseDatagramRecord(b, missing)
	if !ok {
		return false
	}
	if rec.Type == tls.RecordHandshake && rec.Epoch == 0 {
		if _, _, ok := tls.ParseFragment(rec.Body, missing); !ok {
			return false
		}
	}
	for len(rest) > 0 {
		before := rest
		if _, rest, ok = tls.ParseDatagramRecord(rest, missing); !ok {
			return missing > 0 || rec.Type == tls.RecordHandshake && tls.IsUnified(before)
		}
	}
	return true
}

// dtlsAssembly reassembles the fragments of one message.
type dtlsAssembly struct {
	message    tls.Message
	begun      bool
	fromClient bool
	sequence   uint16
	buf        []byte
	have       int // its bytes in buf
}

// add appends a fragment that continues the last one; it returns true for a fragment that came too early.
func (a *dtlsAssembly) add(f *tls.Fragment, fromClient bool) (early bool) {
	if f.Type != a.message.Type || a.message.Body != nil {
		return false
	}
	if !a.begun {
		a.begun, a.message.Length, a.sequence, a.fromClient = true, f.Length, f.Sequence, fromClient
	}
	if f.Length != a.message.Length || f.Sequence != a.sequence || fromClient != a.fromClient {
		return false
	}
	if len(f.Body) == f.Length {
		a.message.Body = f.Body
		return false
	}
	end := f.Offset + len(f.Body)
	if f.Offset <= a.have && end > a.have && end <= len(a.buf) {
		a.have += copy(a.buf[a.have:end], f.Body[a.have-f.Offset:])
	}
	return f.Offset > a.have && end <= len(a.buf)
}

// get returns the message so far, nil before its first fragment.
func (a *dtlsAssembly) get() *tls.Message {
	if a.begun && a.message.Body == nil {
		a.message.Body = a.buf[:a.have]
	}
	if !a.begun {
		return nil
	}
	return &a.message
}
