// SPDX-License-Identifier: Apache-2.0

package dissect

import "github.com/weirnet/weir/internal/wire/tls"

// dtls: DTLS 1.0 to 1.3, from the hellos or from datagrams that are made of records.
var _ = register(Protocol{
	Name:      "dtls",
	Spec:      "RFC 6347 §4; RFC 9147 §4, §5",
	Category:  "network",
	Over:      UDP | SCTP,
	Ports:     []uint16{5684},
	Start:     Range(tls.RecordChangeCipherSpec, tls.RecordACK),
	MinLength: tls.DatagramRecordHeader + 1,
	Extra:     12, // certificates span datagrams
	Inspect:   inspectDTLS,
})

func inspectDTLS(c *Conversation, r *Result) Verdict {
	ok, complete := dtlsFields(c, r)
	switch {
	case complete:
		return Yes
	case ok:
		return YesMore
	}
	return No
}

// dtlsFields looks for DTLS among the datagrams of a flow, which may have others between, and fills the object tls, host,
// certificate names and risks, as tlsFields does. ok says that there is some, complete that nothing more is to be learnt.
func dtlsFields(c *Conversation, r *Result) (ok, complete bool) {
	s := tlsScratches.Get().(*tlsScratch)
	defer tlsScratches.Put(s)
	s.reset('d')
	seen := dtlsSeen{side: -1}
	for w := (dtlsWalk{datagrams: c.Datagrams}); w.next(); {
		seen.record(&w, s)
	}
	if !seen.dtls {
		return false, false
	}
	answered := false
	if m, ok := dtlsMessage(c, tls.ClientHelloType, s.joined[0][:]); ok {
		s.readMessage(&m, true, true, &answered)
	}
	if m, ok := dtlsMessage(c, tls.ServerHelloType, s.joined[1][:]); ok {
		s.readMessage(&m, true, true, &answered)
	}
	if m, ok := dtlsMessage(c, tls.CertificateType, s.joined[2][:]); ok && answered {
		s.readMessage(&m, true, false, &answered)
	}
	if s.named() {
		s.report(r)
	}
	return true, s.complete() || !seen.handshake
}

// dtlsSeen is what the records of a flow show besides messages.
type dtlsSeen struct {
	dtls      bool // a datagram of nothing but records came
	handshake bool // handshake in the clear came
	side      int  // direction of the ServerHello, -1 before
}

func (d *dtlsSeen) record(w *dtlsWalk, s *tlsScratch) {
	d.dtls = true
	rec, way := &w.rec, side(w.fromClient)
	switch {
	case rec.Epoch > 0 || rec.Type == tls.RecordChangeCipherSpec:
		s.encrypted = s.encrypted || d.side == way
	case rec.Type == tls.RecordHandshake:
		d.handshake = true
		for f, ok := w.nextFragment(); ok; f, ok = w.nextFragment() {
			switch f.Type {
			case tls.ServerHelloType:
				d.side = way
			case tls.ServerKeyExchange, tls.CertificateRequest, tls.ServerHelloDone:
				s.keyExchange = true
			}
		}
	case rec.Type == tls.RecordAlert && rec.Length == 2 && len(rec.Body) == 2 && rec.Body[0] == tlsFatal:
		s.alert = rec.Body[1]
	}
}

// dtlsWalk goes through the records of those datagrams that are made of nothing else.
type dtlsWalk struct {
	datagrams  []Datagram
	rest       []byte // of the datagram
	missing    int    // bytes of it that the capture left out
	fromClient bool
	rec        tls.DatagramRecord
	fragments  []byte // what nextFragment has not given of rec
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

// nextFragment is the next handshake fragment of the record at hand.
func (w *dtlsWalk) nextFragment() (f tls.Fragment, ok bool) {
	f, w.fragments, ok = tls.ParseFragment(w.fragments, w.missing)
	return f, ok
}

// dtlsIsRecords says whether a datagram is made of records that end where it ends; the hello's may have encrypted ones of
// DTLS 1.3 behind them. The first record fixes type, version, most of the epoch and the length: 51 bits.
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

// dtlsAssembly puts the fragments of one message together.
type dtlsAssembly struct {
	message    tls.Message
	begun      bool
	fromClient bool
	sequence   uint16
	buf        []byte
	have       int // bytes of it in buf
}

// dtlsMaxPasses is how often the fragments of one message are gone through: once where datagrams are in order, and once
// more for each that came too early.
const dtlsMaxPasses = 4

// dtlsMessage is the first message of a type in the clear, put together in buf where it came in fragments. Each pass takes
// the fragments that go on where the last one ended.
func dtlsMessage(c *Conversation, kind uint8, buf []byte) (m tls.Message, ok bool) {
	a := dtlsAssembly{message: tls.Message{Type: kind}, buf: buf}
	for range dtlsMaxPasses {
		if !a.pass(c) {
			break
		}
	}
	if a.message.Body == nil {
		a.message.Body = buf[:a.have]
	}
	return a.message, a.begun
}

// pass looks at all fragments once and says whether another pass can bring more.
func (a *dtlsAssembly) pass(c *Conversation) (more bool) {
	for w := (dtlsWalk{datagrams: c.Datagrams}); w.next(); {
		if w.rec.Type != tls.RecordHandshake || w.rec.Epoch != 0 {
			continue
		}
		for f, ok := w.nextFragment(); ok; f, ok = w.nextFragment() {
			if f.Type != a.message.Type || a.begun && !a.matches(&f, w.fromClient) {
				continue
			}
			a.begun, a.message.Length, a.sequence, a.fromClient = true, f.Length, f.Sequence, w.fromClient
			if len(f.Body) == f.Length {
				a.message.Body = f.Body
				return false
			}
			if end := f.Offset + len(f.Body); f.Offset <= a.have && end > a.have && end <= len(a.buf) {
				copy(a.buf[f.Offset:], f.Body)
				a.have, more = end, true
			}
		}
	}
	return more
}

func (a *dtlsAssembly) matches(f *tls.Fragment, fromClient bool) bool {
	return f.Length == a.message.Length && f.Sequence == a.sequence && fromClient == a.fromClient
}
