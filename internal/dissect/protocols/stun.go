// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"net/netip"

	"github.com/weirnet/weir/internal/dissect"
	"github.com/weirnet/weir/internal/wire/stun"
)

// stunProtocol recognises STUN, including TURN and ICE, over UDP, over TCP, and over TCP after RFC 4571's lengths
// (ICE-TCP, RFC 6544 §3). DTLS and media later on the same flow belong to the call that STUN set up.
var stunProtocol = &dissect.Protocol{
	Name:      "stun",
	Also:      []string{"dtls", "rtp"},
	Spec:      "RFC 8489 §5; RFC 3489 §11; RFC 8656 §12; RFC 4571 §2",
	Category:  "voip",
	Over:      dissect.TCP | dissect.UDP,
	Ports:     []uint16{3478, 3479, 5349, 19302},
	Start:     dissect.BytesOf(0x00, 0x01, 0x08).Or(dissect.ByteRange(0x40, 0x4f)),
	MinLength: stun.HeaderSize,
	// The second answer names the operator of a TURN server, and media follow the checks
	Extra: dissect.MaxDatagrams - 8,
	Members: []string{"rtp.payload_type", "stun.classic", "stun.mapped_address", "stun.method",
		"stun.origin", "stun.realm", "stun.relayed_address", "stun.software", "stun.username", "tls.*"},
	Inspect: inspectSTUN,
}

const (
	// stunMaxFrames bounds the messages read of a TCP direction: MaxStream bytes of usual ones.
	stunMaxFrames = 128
	// stunChannels consecutive ChannelData messages of one channel make TURN certain without STUN: each fixes 18 bits
	// (RFC 8656 §12.4).
	stunChannels = 4
)

// stunFacts collects fields from a flow's messages.
type stunFacts struct {
	certain, classic      bool
	messages, channels    int
	channel               int
	other                 bool // neither STUN, TURN, DTLS nor RTP
	method                stun.Method
	realm, software, user []byte
	origin, transaction   []byte
	mapped, relayed       netip.AddrPort
	application           string
}

func inspectSTUN(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	var f stunFacts
	if c.Transport == dissect.TCP {
		f.readStream(c.ToServer())
		f.readStream(c.ToClient())
	} else {
		for i := range c.Datagrams {
			f.readDatagram(&c.Datagrams[i])
		}
	}
	switch {
	case f.certain || f.channels >= stunChannels:
		f.tell(r)
		return stunCarries(c, r)
	case f.other || f.messages+f.channels == 0 && c.Transport != dissect.TCP:
		return dissect.No
	}
	return dissect.NeedMore
}

// stunCarries names the flow after the protocol that follows STUN's connectivity checks: DTLS, or bare media.
func stunCarries(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	if c.Transport == dissect.TCP {
		return dissect.YesMore
	}
	if ok, complete := dtlsFields(c, r); ok {
		r.SetProtocol("dtls")
		// Signalling vouches for media's self-signed certificates (RFC 8827 §6.5): they are no risk, and no hint of the
		// operator.
		r.SetCertificate(dissect.CertificateUnknown)
		r.DropRisks()
		if complete {
			return dissect.Yes
		}
	} else if rtpCertain(c) {
		r.SetProtocol("rtp")
		return dissect.Yes
	}
	return dissect.YesMore
}

// readDatagram reads one datagram of a flow, which several protocols may share by their first byte (RFC 7983 §7).
func (f *stunFacts) readDatagram(d *dissect.Datagram) {
	b := d.Payload
	if len(b) == 0 {
		return
	}
	var m stun.Message
	switch state := stun.Parse(b, &m); {
	case b[0] >= 0x40 && b[0] <= 0x4f:
		f.readChannel(b, d.Length)
	case state == stun.Invalid || m.Size != d.Length:
		f.other = f.other || b[0] < 0x14
	case state == stun.Valid || d.Length > len(b):
		f.readMessage(&m)
	}
}

// readChannel reads a ChannelData message (RFC 8656 §12.4): channel, length, data, over UDP with optional padding.
func (f *stunFacts) readChannel(b []byte, length int) {
	if len(b) < 4 || length < 4+be16(b[2:]) || length > (4+be16(b[2:])+3)&^3 || f.channels > 0 && be16(b) != f.channel {
		f.other = true
		return
	}
	f.channel = be16(b)
	f.channels++
}

// readStream reads the messages of one direction of a TCP flow, plain or after 2-byte lengths.
func (f *stunFacts) readStream(b []byte) {
	for range stunMaxFrames {
		var m stun.Message
		if len(b) < 2+stun.HeaderSize {
			return
		}
		if state := stun.Parse(b, &m); state == stun.Valid && !m.Classic {
			f.readMessage(&m)
			b = b[m.Size:]
			continue
		}
		if f.certain && b[0] >= 0x40 && b[0] <= 0x4f {
			b = b[min(len(b), (4+be16(b[2:])+3)&^3):]
			continue
		}
		n := be16(b)
		if state := stun.Parse(b[2:min(len(b), 2+n)], &m); state == stun.Valid && !m.Classic && m.Size == n {
			f.readMessage(&m)
		} else if !f.certain {
			f.other = state == stun.Invalid || len(b) >= 2+n
			return
		}
		b = b[min(len(b), 2+n):]
	}
}

// readMessage collects a message's fields. A message with the cookie is certain: 34 bits and the length. One of the
// first edition is certain if it has an attribute (all must be known), or if another message has the same transaction.
func (f *stunFacts) readMessage(m *stun.Message) {
	f.messages++
	switch {
	case !m.Classic, m.Size > stun.HeaderSize:
		f.certain = true
	case string(f.transaction) == string(m.Transaction):
		f.certain = true
	}
	if f.transaction == nil {
		f.method, f.classic, f.transaction = m.Method, m.Classic, m.Transaction
	}
	var seen stunSeen
	for {
		a, value, ok := m.Next()
		if !ok {
			break
		}
		seen.add(a)
		f.readAttribute(m, a, value)
	}
	if f.application == "" {
		f.application = seen.application(m)
	}
}

func (f *stunFacts) readAttribute(m *stun.Message, a stun.Attribute, value []byte) {
	switch a {
	case stun.Username:
		f.user = value
	case stun.Realm:
		f.realm = value
	case stun.Software:
		f.software = value
	case stun.Origin:
		f.origin = value
	case stun.MappedAddress:
		f.mapped = m.Address(value, false)
	case stun.XORMappedAddress:
		f.mapped = m.Address(value, true)
	case stun.XORRelayedAddress:
		f.relayed = m.Address(value, true)
	}
}

// stunSeen marks a message's attributes that reveal the application.
type stunSeen struct {
	n                                                  int
	integrity, transport, microsoft, webex, meta, zoom bool
}

func (s *stunSeen) add(a stun.Attribute) {
	s.n++
	switch a {
	case stun.MessageIntegrity:
		s.integrity = true
	case stun.RequestedTransp:
		s.transport = true
	case stun.MSVersion, stun.MSSequenceNumber, stun.MSCandidateID, stun.MSServiceQuality, stun.MSImplementation:
		s.microsoft = true
	case stun.CiscoWebexFlow:
		s.webex = true
	case stun.Zoom:
		s.zoom = true
	}
	if a >= 0x4000 && a <= 0x4007 {
		s.meta = true
	}
}

// application returns the application whose dialect the message uses. MS-TURN's and Webex's attributes are registered.
// WhatsApp's clients and relays put their own attributes at 0x4000, where none is registered and receivers must
// understand all, into Allocate without REQUESTED-TRANSPORT (against RFC 8656 §7.1); between clients, their
// connectivity checks hold MESSAGE-INTEGRITY alone, without USERNAME (against RFC 8445 §7.2.2). Zoom's clients send
// requests of the first edition's form with one attribute from outside it.
func (s *stunSeen) application(m *stun.Message) string {
	switch {
	case s.microsoft:
		return "microsoft-teams"
	case s.webex:
		return "webex"
	case m.Classic:
		if s.zoom && s.n == 1 {
			return "zoom"
		}
		return ""
	case s.meta && m.Method == stun.Allocate && !s.transport:
		return "whatsapp"
	case s.n == 1 && s.integrity && m.Method == stun.Binding && m.Class == stun.Request:
		return "whatsapp"
	}
	return ""
}

func (f *stunFacts) tell(r *dissect.Result) {
	if f.application != "" {
		r.SetApplication(f.application)
	}
	if looksLikeHost(f.realm) && !parseAddr(f.realm).IsValid() {
		r.SetHost(f.realm)
	}
	o := r.Object("stun")
	if f.messages > 0 {
		o.String("method", f.method.Name())
	} else {
		o.String("method", "channel-data")
	}
	if f.classic {
		o.Bool("classic", true)
	}
	o.Text("realm", f.realm)
	o.Text("software", f.software)
	o.Text("username", f.user)
	o.Text("origin", f.origin)
	o.Addr("mapped_address", f.mapped.Addr())
	o.Addr("relayed_address", f.relayed.Addr())
}
