// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"
	"sync"

	"github.com/weirnet/weir/internal/dissect"
	"github.com/weirnet/weir/internal/wire/quic"
	"github.com/weirnet/weir/internal/wire/tls"
)

// quic: versions 1 and 2, their drafts, Facebook's and Google's, by packets with long headers. It decrypts the client's
// Initial packets for the TLS hello. Packets with short headers have no recognisable form.
var quicProtocol = &dissect.Protocol{
	Name:      "quic",
	Also:      []string{"doq"},
	Spec:      "RFC 9000 §17.2; RFC 9001 §5; RFC 9369; RFC 8999",
	Category:  "web",
	Over:      dissect.UDP,
	Ports:     []uint16{80, 443},
	Start:     dissect.ByteRange(0x80, 0xff).Or(dissect.BytesOf(0x09, 0x0d, 0x19, 0x1d, 0x29, 0x2d, 0x39, 0x3d)),
	MinLength: 7,
	Extra:     6,
	Members: []string{"quic.sni", "quic.user_agent", "quic.version", "tls.alpn", "tls.ja3", "tls.ja4", "tls.sni",
		"tls.version"},
	Inspect: inspectQUIC,
}

const (
	// quicMaxKeys bounds the connection IDs that one call derives keys from: the client's first, those after a Retry
	// and a version negotiation, and as many again.
	quicMaxKeys = 6
	// quicMaxPackets bounds the packets read of one datagram: two of each type.
	quicMaxPackets = 8
)

// quicScratch is a call's working memory. It holds views of the conversation during the call only.
type quicScratch struct {
	version     quic.Version // 0 until a distinctive packet
	negotiation bool         // a server offered versions
	sure        bool         // the evidence exceeds a version number
	publicID    []byte       // the connection ID of Google's public headers, nil before
	keys        quic.Keys
	keyVersion  quic.Version
	keyID       []byte // the connection ID of the keys, nil before
	opened      bool   // those keys have opened a packet
	fromClient  bool   // the direction of the opened packets
	derived     int
	hello       quic.Hello // Google's
	clear       bool       // the flow has a cleartext CHLO
	crypto      quic.Crypto
	open        quic.Scratch
}

var quicScratches = sync.Pool{New: func() any { return new(quicScratch) }}

func (q *quicScratch) reset() {
	q.version, q.negotiation, q.sure, q.publicID = 0, false, false, nil
	q.keyID, q.opened, q.derived, q.clear = nil, false, 0, false
	q.hello = quic.Hello{}
	q.crypto.Reset()
}

func inspectQUIC(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	q := quicScratches.Get().(*quicScratch)
	defer quicScratches.Put(q)
	q.reset()
	for i := range c.Datagrams {
		q.datagram(&c.Datagrams[i])
	}
	if q.version == 0 && !q.negotiation {
		return moreIf(c.HasPort(443) && quicShortOnly(c))
	}
	if !q.sure && !q.negotiation && !q.opened {
		return dissect.NeedMore
	}
	s := tlsScratches.Get().(*tlsScratch)
	defer tlsScratches.Put(s)
	s.reset('q')
	if !q.clear {
		s.readMessages(q.crypto.Bytes(), false)
	}
	q.report(s, r)
	if q.clear || s.helloStatus == tls.Valid {
		return dissect.Yes
	}
	return dissect.YesMore
}

// quicShortOnly reports whether all datagrams can be packets with short headers, of a connection that began earlier
// (RFC 9000 §17.3).
func quicShortOnly(c *dissect.Conversation) bool {
	for i := range c.Datagrams {
		if b := c.Datagrams[i].Payload; len(b) == 0 || b[0]>>6 != 1 {
			return false
		}
	}
	return true
}

// datagram reads the packets of one datagram.
func (q *quicScratch) datagram(d *dissect.Datagram) {
	missing := max(d.Length-len(d.Payload), 0)
	var h quic.Header
	b := d.Payload
	for range quicMaxPackets {
		rest, ok := h.Parse(b, missing)
		if !ok {
			return
		}
		q.packet(&h, d.FromClient)
		// Other protocols' headers hold the number 1 too, so version 1 requires packet lengths that end with the
		// datagram.
		switch {
		case d.Payload[0]&0x80 == 0: // Google's public header: without a hello, the connection ID must recur
			q.sure = q.sure || q.clear || bytes.Equal(q.publicID, h.DCID)
			q.publicID = h.DCID
		case h.Version != quic.V1 || h.Type != quic.Retry && quicEnds(rest, h.DCID) && !quicIsNameless(&h):
			q.sure = true
		}
		b = rest
	}
}

// quicIsNameless reports whether a packet with early data has no connection ID. A client sends early data with its
// first packets, whose ID has at least 8 bytes (RFC 9000 §7.2, §17.2.3), so such a packet proves nothing.
func quicIsNameless(h *quic.Header) bool { return h.Type == quic.ZeroRTT && len(h.DCID) == 0 }

// quicEnds reports whether rest, the bytes after a packet, is empty or a packet with a short header to the same
// connection ID (RFC 9000 §12.2).
func quicEnds(rest, id []byte) bool {
	return len(rest) == 0 || rest[0]>>6 == 1 && bytes.HasPrefix(rest[1:], id)
}

func (q *quicScratch) packet(h *quic.Header, fromClient bool) {
	switch {
	case h.Type == quic.VersionNegotiation:
		q.negotiation = q.negotiation || h.Negotiates()
		return
	case h.Type == quic.ClearText:
		q.clear = q.clear || q.hello.ParseClear(h)
	case h.Type != quic.Initial || len(h.DCID) == 0 || h.Version.IsReserved():
	case !q.opened || q.fromClient == fromClient: // the server's packets need other keys
		q.initial(h)
		q.fromClient = fromClient
	}
	if q.version == 0 || q.version.IsReserved() || q.opened && q.keyVersion == h.Version {
		q.version = h.Version
	}
}

// initial opens a client's Initial packet: with the keys that opened one before, else with keys from its own connection
// ID. Keys stay the same when the client switches to the server's ID (RFC 9001 §5.2).
func (q *quicScratch) initial(h *quic.Header) {
	if q.keyID != nil && q.openWith(h) {
		return
	}
	if q.keyID != nil && q.keyVersion == h.Version && bytes.Equal(q.keyID, h.DCID) {
		return
	}
	before, version, id, opened := q.keys, q.keyVersion, q.keyID, q.opened
	q.keyVersion, q.keyID, q.opened = h.Version, h.DCID, false
	for v := h.Version; v != 0 && q.derived < quicMaxKeys; v = v.Fallback() {
		q.keys.Derive(v, h.DCID, false)
		q.derived++
		if q.openWith(h) {
			return
		}
	}
	if opened || q.derived == quicMaxKeys {
		q.keys, q.keyVersion, q.keyID, q.opened = before, version, id, opened
	}
}

// openWith tries the current keys, and reads the packet's handshake data.
func (q *quicScratch) openWith(h *quic.Header) bool {
	payload, ok := q.keys.Open(h, &q.open)
	if !ok {
		return false
	}
	q.opened = true
	q.crypto.Frames(h.Version, payload)
	if hello := q.crypto.Bytes(); !q.clear && len(hello) > 4 && hello[0] == 'C' {
		q.clear = q.hello.Parse(hello) // Q048 to Q050 encrypt a CHLO
	}
	return true
}

// report writes the objects quic and tls, host and protocol.
func (q *quicScratch) report(s *tlsScratch, r *dissect.Result) {
	o := r.Object("quic")
	if q.version != 0 {
		o.Text("version", q.version.AppendName(s.text[:0]))
	}
	if q.clear {
		o.Text("sni", q.hello.ServerName)
		o.Text("user_agent", q.hello.UserAgent)
		if len(q.hello.ServerName) > 0 {
			r.SetHost(q.hello.ServerName)
		}
		return
	}
	if !s.named() {
		return
	}
	o.Text("user_agent", quic.UserAgent(s.hello.QUICParameters))
	if s.isDNSOverQUIC() {
		r.SetProtocol("doq")
	}
	s.report(r)
	r.SetCertificate(dissect.CertificateHidden)
}
