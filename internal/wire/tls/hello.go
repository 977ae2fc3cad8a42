// SPDX-License-Identifier: Apache-2.0

package tls

import "encoding/binary"

// Extension types (IANA "TLS ExtensionType Values").
const (
	extServerName          = 0
	extGroups              = 10
	extPointFormats        = 11
	extSignatureAlgorithms = 13
	extALPN                = 16
	extSessionTicket       = 35
	extPreSharedKey        = 41
	extSupportedVersions   = 43
	extKeyShare            = 51
	extQUICParameters      = 57
	extQUICParametersDraft = 0xffa5
	extECH                 = 0xfe0d
	extESNI                = 0xffce
)

// Status is the outcome of a parse.
type Status uint8

// Outcomes of a parse.
const (
	// Invalid: no valid message begins so.
	Invalid Status = iota
	// Cut: valid so far. The struct holds the complete parts.
	Cut
	// Valid: the message is complete, and all its lengths agree.
	Valid
)

// Uint16s is a list of numbers as on the wire, 2 bytes each, big endian.
type Uint16s []byte

// Len returns the number of elements.
func (u Uint16s) Len() int { return len(u) / 2 }

// At returns element i.
func (u Uint16s) At(i int) uint16 { return binary.BigEndian.Uint16(u[2*i:]) }

// Names is a list of names, a length byte before each, as in ALPN (RFC 7301 §3.1).
type Names []byte

// Next returns the first name and the names after it; nil at the end.
func (n Names) Next() (name []byte, rest Names) {
	if len(n) == 0 || int(n[0]) >= len(n) {
		return nil, nil
	}
	end := 1 + int(n[0])
	return n[1:end], n[end:]
}

// IsGREASE reports whether RFC 8701 reserves v.
func IsGREASE(v uint16) bool { return v&0x0f0f == 0x0a0a && v>>8 == v&0xff }

// ClientHello is the message of RFC 8446 §4.1.2, RFC 5246 §7.4.1.2 or RFC 6347 §4.2.1, or the SSL 2.0 form of RFC 5246
// Appendix E.2. All slices are views of the message.
type ClientHello struct {
	// Version is the legacy_version; MaxVersion returns the real one.
	Version   uint16
	SessionID []byte
	// Cookie belongs to DTLS.
	Cookie       []byte
	CipherSuites Uint16s
	Compression  []byte
	// Extensions is the whole list in wire form.
	Extensions []byte
	// SSL2: the hello has the form of SSL 2.0, without extensions. CipherSuites is then empty.
	SSL2 bool

	// ServerName is the host_name of SNI (RFC 6066 §3).
	ServerName []byte
	// HasServerName: the hello has the extension, with or without a name in it.
	HasServerName bool
	// ALPN lists the offered protocols.
	ALPN Names
	// Versions lists supported_versions.
	Versions            Uint16s
	Groups              Uint16s
	SignatureAlgorithms Uint16s
	PointFormats        []byte
	// KeyShares is the client_shares vector: a sequence of group, length and key.
	KeyShares []byte
	// Ticket is the session ticket; PreSharedKey: the client offers to resume a TLS 1.3 session.
	Ticket       []byte
	PreSharedKey bool
	// ECH: the hello has encrypted_client_hello, so ServerName may be the outer one. Chromium and Firefox also send the
	// extension with random bytes, indistinguishable by design (GREASE, the idea of RFC 8701).
	ECH bool
	// ESNI: the hello encrypts the server's name by the draft before ECH.
	ESNI bool
	// QUICParameters holds the transport parameters (RFC 9001 §8.2).
	QUICParameters []byte
}

// reader walks a message of length declared bytes, of which b holds the available ones.
type reader struct {
	b      []byte
	length int
	status Status // Valid until a step fails
}

// take returns the next n bytes; if they are unavailable, it returns nil and sets the status.
func (r *reader) take(n int) []byte {
	if r.status != Valid {
		return nil
	}
	if n > r.length {
		r.status = Invalid
		return nil
	}
	if n > len(r.b) {
		r.status = Cut
		return nil
	}
	out := r.b[:n:n]
	r.b, r.length = r.b[n:], r.length-n
	return out
}

func (r *reader) uint8() int {
	if b := r.take(1); b != nil {
		return int(b[0])
	}
	return 0
}

func (r *reader) uint16() int {
	if b := r.take(2); b != nil {
		return int(binary.BigEndian.Uint16(b))
	}
	return 0
}

// fail marks the message invalid unless it is cut already.
func (r *reader) fail(wrong bool) {
	if wrong && r.status == Valid {
		r.status = Invalid
	}
}

// isVersion reports whether v can appear in a hello of TLS or, for datagrams, of DTLS.
func isVersion(v uint16, datagram bool) bool {
	if datagram {
		return v>>8 == 0xfe || v == VersionDTLSOld
	}
	return v >= VersionSSL3 && v <= VersionTLS13
}

// Parse reads the body of a ClientHello; datagram selects DTLS's form, with a cookie.
func (h *ClientHello) Parse(m *Message, datagram bool) Status {
	*h = ClientHello{}
	if m.Type != ClientHelloType {
		return Invalid
	}
	r := reader{m.Body, m.Length, Valid}
	h.Version = uint16(r.uint16())
	r.fail(!isVersion(h.Version, datagram))
	r.take(32) // random
	n := r.uint8()
	r.fail(n > 32)
	h.SessionID = r.take(n)
	if datagram {
		h.Cookie = r.take(r.uint8())
	}
	n = r.uint16()
	r.fail(n == 0 || n&1 == 1)
	h.CipherSuites = r.take(n)
	n = r.uint8()
	r.fail(n == 0)
	h.Compression = r.take(n)
	if r.status != Valid || r.length == 0 {
		return r.status // no extensions, as in SSL 3.0 and TLS 1.0
	}
	n = r.uint16()
	r.fail(n != r.length)
	h.Extensions = r.b
	for r.status == Valid && r.length > 0 {
		kind := r.uint16()
		body := r.take(r.uint16())
		if r.status == Valid {
			h.extension(uint16(kind), body)
		}
	}
	return r.status
}

// extension reads one extension. It ignores an extension that contradicts itself: the hello's own lengths identify the
// hello. The first server_name counts.
func (h *ClientHello) extension(kind uint16, b []byte) {
	switch kind {
	case extServerName:
		if !h.HasServerName {
			h.HasServerName, h.ServerName = true, serverName(b)
		}
	case extALPN:
		h.ALPN = vector(b, 2)
	case extSupportedVersions:
		h.Versions = vector(b, 1)
	case extGroups:
		h.Groups = vector(b, 2)
	case extSignatureAlgorithms:
		h.SignatureAlgorithms = vector(b, 2)
	case extPointFormats:
		h.PointFormats = vector(b, 1)
	case extKeyShare:
		h.KeyShares = vector(b, 2)
	case extSessionTicket:
		h.Ticket = b
	case extPreSharedKey:
		h.PreSharedKey = true
	case extECH:
		h.ECH = true
	case extESNI:
		h.ESNI = true
	case extQUICParameters, extQUICParametersDraft:
		h.QUICParameters = b
	}
}

// vector returns the content of a vector behind a length of size bytes, which must fill b; else nil.
func vector(b []byte, size int) []byte {
	if len(b) < size {
		return nil
	}
	n := int(b[0])
	if size == 2 {
		n = n<<8 | int(b[1])
	}
	if n != len(b)-size {
		return nil
	}
	return b[size:]
}

// serverName returns the first host_name of a server_name extension (RFC 6066 §3): list length, then type 0, length,
// name.
func serverName(b []byte) []byte {
	for list := vector(b, 2); len(list) >= 3; {
		n := int(binary.BigEndian.Uint16(list[1:]))
		if n > len(list)-3 {
			return nil
		}
		if list[0] == 0 {
			return list[3 : 3+n]
		}
		list = list[3+n:]
	}
	return nil
}

// MaxVersion returns the highest version offered: from supported_versions if it holds any but GREASE, else the legacy
// version. DTLS counts downwards.
func (h *ClientHello) MaxVersion() uint16 {
	var highest uint16
	for i := range h.Versions.Len() {
		v := h.Versions.At(i)
		if IsGREASE(v) {
			continue
		}
		if highest == 0 || v>>8 == 0xfe && v < highest || v>>8 != 0xfe && v > highest {
			highest = v
		}
	}
	if highest == 0 {
		return h.Version
	}
	return highest
}

// ParseSSL2 reads a ClientHello in SSL 2.0 form from the start of a stream: a 2-byte record header with the highest bit
// set, type 1, version, three lengths that fill the record, 3-byte cipher specs (RFC 5246 Appendix E.2).
func (h *ClientHello) ParseSSL2(stream []byte) Status {
	*h = ClientHello{SSL2: true}
	const header, fixed = 2, 9
	if len(stream) < header+fixed {
		return Invalid
	}
	length := int(binary.BigEndian.Uint16(stream))
	b := stream[header:]
	h.Version = binary.BigEndian.Uint16(b[1:])
	ciphers, session, challenge := int(binary.BigEndian.Uint16(b[3:])), int(binary.BigEndian.Uint16(b[5:])),
		int(binary.BigEndian.Uint16(b[7:]))
	if length&0x8000 == 0 || b[0] != ClientHelloType || h.Version != VersionSSL2 && !isVersion(h.Version, false) ||
		ciphers == 0 || ciphers%3 != 0 || session != 0 && session != 16 || challenge < 16 || challenge > 32 {
		return Invalid
	}
	if length &= 0x7fff; length != fixed+ciphers+session+challenge {
		return Invalid
	}
	if len(b) < length {
		return Cut
	}
	return Valid
}

// ServerHello is the message of RFC 8446 §4.1.3 or RFC 5246 §7.4.1.3.
type ServerHello struct {
	// Version is the legacy_version; Negotiated returns the real one.
	Version     uint16
	SessionID   []byte
	CipherSuite uint16
	// Extensions is the whole list in wire form.
	Extensions []byte
	// SelectedVersion is that of supported_versions, 0 if absent.
	SelectedVersion uint16
	// ALPN is the chosen protocol.
	ALPN []byte
	// PreSharedKey: the server resumes a TLS 1.3 session.
	PreSharedKey bool
	// Retry: the message is a HelloRetryRequest.
	Retry bool
}

// retryRandom is the SHA-256 of "HelloRetryRequest" (RFC 8446 §4.1.3).
const retryRandom = "\xcf\x21\xad\x74\xe5\x9a\x61\x11\xbe\x1d\x8c\x02\x1e\x65\xb8\x91\xc2\xa2\x11\x16\x7a\xbb\x8c\x5e" +
	"\x07\x9e\x09\xe2\xc8\xa8\x33\x9c"

// Parse reads the body of a ServerHello.
func (h *ServerHello) Parse(m *Message, datagram bool) Status {
	*h = ServerHello{}
	if m.Type != ServerHelloType {
		return Invalid
	}
	r := reader{m.Body, m.Length, Valid}
	h.Version = uint16(r.uint16())
	r.fail(!isVersion(h.Version, datagram))
	h.Retry = string(r.take(32)) == retryRandom
	n := r.uint8()
	r.fail(n > 32)
	h.SessionID = r.take(n)
	h.CipherSuite = uint16(r.uint16())
	r.fail(r.uint8() > 1) // compression: null, or deflate (RFC 3749)
	if r.status != Valid || r.length == 0 {
		return r.status
	}
	n = r.uint16()
	r.fail(n != r.length)
	h.Extensions = r.b
	for r.status == Valid && r.length > 0 {
		kind := r.uint16()
		body := r.take(r.uint16())
		if r.status != Valid {
			break
		}
		switch {
		case kind == extSupportedVersions && len(body) == 2:
			h.SelectedVersion = binary.BigEndian.Uint16(body)
		case kind == extALPN && len(body) > 2:
			h.ALPN, _ = Names(body[2:]).Next()
		case kind == extPreSharedKey:
			h.PreSharedKey = true
		}
	}
	return r.status
}

// Negotiated returns the version that the server chose.
func (h *ServerHello) Negotiated() uint16 {
	if h.SelectedVersion != 0 {
		return h.SelectedVersion
	}
	return h.Version
}
