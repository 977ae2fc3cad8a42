// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
)

// openvpn: over UDP and, after two bytes of length, over TCP, by the reset packets that open a session: in cleartext,
// with tls-auth's HMAC, or wrapped by tls-crypt.
var openvpnProtocol = &dissect.Protocol{
	Name: "openvpn", Spec: "OpenVPN wire protocol (openvpn-wire-protocol draft) §3", Category: "vpn",
	Over: dissect.UDP, Ports: []uint16{1194},
	Start:     dissect.ByteRange(0x38, 0x3f).Or(dissect.ByteRange(0x40, 0x47)).Or(dissect.ByteRange(0x50, 0x57)),
	MinLength: openvpnShortest,
	Members:   []string{"openvpn.session", "openvpn.wrapping"},
	Inspect:   inspectOpenVPN,
}

var openvpnStreamProtocol = &dissect.Protocol{
	Name: "openvpn", Spec: "OpenVPN wire protocol (openvpn-wire-protocol draft) §3", Category: "vpn",
	Over: dissect.TCP, Ports: []uint16{1194}, Start: dissect.ByteRange(0, 4),
	MinLength: 2 + openvpnShortest, // tls-crypt-v2's key: up to 1,024 bytes
	Members:   []string{"openvpn.session", "openvpn.wrapping"},
	Inspect:   inspectOpenVPNStream,
}

// Opcodes, in the upper five bits of the first byte; the lower three are the key's number, 0 for the first.
const (
	openvpnClientReset   = 7 << 3
	openvpnServerReset   = 8 << 3
	openvpnClientResetV3 = 10 << 3 // with tls-crypt-v2
)

const (
	openvpnSession = 8 // length of a session identifier
	// openvpnZeros bounds the zeros in a session identifier: it is random, and three zeros occur once in 300,000
	// sessions.
	openvpnZeros    = 2
	openvpnShortest = 1 + openvpnSession + 1 + 4
	// openvpnReplay is the replay packet identifier in its long form: a number, which begins at 1, and the start time.
	openvpnReplay      = 8
	openvpnClientPlain = 1 + 4
	openvpnServerPlain = 1 + 4 + openvpnSession + 4
	// openvpnOptions may follow a server's reset (early negotiation).
	openvpnOptions = 16
	// openvpnCryptTag is the length of tls-crypt's HMAC-SHA256.
	openvpnCryptTag = 32
	// openvpnTries bounds a reset's replay number, which counts its transmissions.
	openvpnTries = 16
	// openvpnEpoch is a time before the first release: 2001-09-09.
	openvpnEpoch = 1_000_000_000
)

// openvpnHMACs are the lengths of tls-auth's HMAC: SHA1 by default, then SHA-256, -384, -512, -224 and MD5.
var openvpnHMACs = [...]int{20, 32, 48, 64, 28, 16}

func inspectOpenVPN(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	d := c.Newest()
	if d.Length != len(d.Payload) {
		return dissect.No
	}
	return describeOpenVPN(d.Payload, r)
}

func inspectOpenVPNStream(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	packet, ready, ok := openvpnPacket(c.First())
	switch {
	case !ok:
		return dissect.No
	case !ready:
		return dissect.NeedMore
	}
	return describeOpenVPN(packet, r)
}

func describeOpenVPN(packet []byte, r *dissect.Result) dissect.Verdict {
	wrapping := openvpnWrapping(packet)
	if wrapping == "" {
		return dissect.No
	}
	o := r.Object("openvpn")
	o.String("wrapping", wrapping)
	o.Hex("session", packet[1:1+openvpnSession])
	return dissect.Yes
}

// openvpnPacket returns a stream's first packet.
func openvpnPacket(b []byte) (packet []byte, ready, ok bool) {
	if len(b) < 2 {
		return nil, false, true
	}
	length := be16(b)
	if length < openvpnShortest || length > 4<<8+255 {
		return nil, false, false
	}
	if len(b) > 2 && b[2]&7 != 0 {
		return nil, false, false
	}
	if len(b) < 2+length {
		return nil, false, true
	}
	return b[2 : 2+length], true, true
}

// openvpnWrapping returns a reset packet's protection, "" if b is no reset. Each form fixes at least 40 bits.
func openvpnWrapping(b []byte) string {
	const wrappedKey = openvpnCryptTag + 256 + 2 // tls-crypt-v2: tag, 2,048 bits, length
	if len(b) < openvpnShortest || bytes.Count(b[1:1+openvpnSession], []byte{0}) > openvpnZeros {
		return ""
	}
	rest, plain := b[1+openvpnSession:], openvpnClientPlain
	switch b[0] {
	case openvpnClientResetV3:
		behind := len(rest) - openvpnReplay - openvpnCryptTag - plain
		if openvpnReplayed(rest) && behind >= wrappedKey && be16(rest[len(rest)-2:]) == behind {
			return "tls-crypt-v2"
		}
		return ""
	case openvpnServerReset:
		plain = openvpnServerPlain
	case openvpnClientReset:
	default:
		return ""
	}
	if openvpnPlain(rest, plain) {
		return "none"
	}
	for _, size := range openvpnHMACs {
		if len(rest) == size+openvpnReplay+plain && !hasManyZeros(rest[:size]) && openvpnReplayed(rest[size:]) &&
			openvpnPlain(rest[size+openvpnReplay:], plain) {
			return "tls-auth"
		}
	}
	if more := len(rest) - openvpnReplay - openvpnCryptTag - plain; openvpnReplayed(rest) &&
		(more == 0 || plain == openvpnServerPlain && more > 0 && more <= openvpnOptions) {
		return "tls-crypt"
	}
	return ""
}

// openvpnPlain checks the cleartext after the session: the list of acknowledged messages; after a non-empty list, the
// other side's session; and the message's own number, 0. A client's list is empty, a server's holds message 0.
func openvpnPlain(b []byte, size int) bool {
	switch {
	case len(b) != size:
		return false
	case size == openvpnClientPlain:
		return isZero(b)
	}
	return b[0] == 1 && isZero(b[1:5]) && !isZero(b[5:5+openvpnSession]) && isZero(b[5+openvpnSession:])
}

// openvpnReplayed reports whether b begins with the replay identifier of a session's first packets.
func openvpnReplayed(b []byte) bool {
	return len(b) >= openvpnReplay && be32(b) >= 1 && be32(b) <= openvpnTries && be32(b[4:]) > openvpnEpoch
}
