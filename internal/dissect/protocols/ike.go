// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
)

// ike: versions 1 and 2 over UDP, after a marker of four zeros on port 4500, which ESP shares, and over TCP.
var ikeOverUDPProtocol = &dissect.Protocol{
	Name: "ike", Also: []string{"esp"}, Spec: "RFC 2408 §3.1; RFC 7296 §3.1; RFC 3948", Category: "vpn",
	Over: dissect.UDP, Ports: []uint16{ikePort, ikeNATPort},
	MinLength: 1, // no Start: a message begins with a random number
	Members: []string{"esp.spi", "ike.exchange", "ike.initiator_spi", "ike.responder_spi", "ike.vendor_id",
		"ike.version"},
	Inspect: inspectIKE,
}

var ikeOverTCPProtocol = &dissect.Protocol{
	Name: "ike", Spec: "RFC 9329 §4", Category: "vpn",
	Over: dissect.TCP, Start: dissect.FirstBytes(ikeOverTCP), MinLength: len(ikeOverTCP),
	Members: []string{"ike.exchange", "ike.initiator_spi", "ike.responder_spi", "ike.vendor_id", "ike.version"},
	Inspect: func(c *dissect.Conversation, _ *dissect.Result) dissect.Verdict {
		if hasPrefix(c.First(), ikeOverTCP) || hasPrefix(c.Second(), ikeOverTCP) {
			return dissect.Yes
		}
		return dissect.No
	},
}

const (
	ikePort    = 500
	ikeNATPort = 4500
	ikeOverTCP = "IKETCP"
	// ikeHeader is the length of the header: two 8-byte SPIs, next payload, version, exchange, flags, message, length.
	ikeHeader = 28
	// maxIKEPayloads bounds the payloads walked in one message: real messages have few, of at least 4 bytes.
	maxIKEPayloads = 64
)

// Exchanges (IANA "ISAKMP Exchange types" and "IKEv2 Exchange Types").
var (
	ikeExchanges1 = [...]string{1: "base", 2: "main", 3: "authentication-only", 4: "aggressive", 5: "informational",
		6: "transaction", 32: "quick", 33: "new-group"}
	ikeExchanges2 = [...]string{34: "ike-sa-init", 35: "ike-auth", 36: "create-child-sa", 37: "informational",
		38: "session-resume", 43: "ike-intermediate", 44: "ike-followup-ke"}
)

func inspectIKE(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	d := c.Newest()
	b, length := d.Payload, d.Length
	if len(b) == 1 && b[0] == 0xff {
		return dissect.NeedMore // a keep-alive of RFC 3948 §4: any message may follow
	}
	if c.HasPort(ikeNATPort) || hasPrefix(b, "\x00\x00\x00\x00") {
		if !hasPrefix(b, "\x00\x00\x00\x00") {
			return inspectESPInUDP(c, r)
		}
		b, length = b[4:], length-4
	}
	if len(b) < ikeHeader || be32(b[24:]) != length || isZero(b[:8]) {
		return dissect.No
	}
	exchange, vendor, ok := "", []byte(nil), false
	if version := b[17]; version>>4 == 2 {
		exchange, vendor, ok = ikeVersion2(b, length)
	} else if version>>4 == 1 {
		exchange, vendor, ok = ikeVersion1(b, length)
	}
	if !ok {
		return dissect.No
	}
	o := r.Object("ike")
	o.Int("version", int64(b[17]>>4))
	o.String("exchange", exchange)
	o.Hex("initiator_spi", b[:8])
	if !isZero(b[8:16]) {
		o.Hex("responder_spi", b[8:16])
	}
	o.Hex("vendor_id", vendor)
	return dissect.Yes
}

// ikeVersion1 checks a message of IKEv1 and its cleartext payloads.
func ikeVersion1(b []byte, length int) (exchange string, vendor []byte, ok bool) {
	const encrypted, undefined, vendorID, lastPayload = 0x01, 0xf8, 13, 21
	if int(b[18]) >= len(ikeExchanges1) || ikeExchanges1[b[18]] == "" || b[19]&undefined != 0 || b[16] == 0 {
		return "", nil, false
	}
	exchange = ikeExchanges1[b[18]]
	if b[19]&encrypted != 0 {
		return exchange, nil, length%4 == 0 && !isZero(b[8:16]) // whole cipher blocks; both SPIs are set
	}
	vendor, ok = ikePayloads(b, length, vendorID, false, func(kind byte) bool {
		return kind <= lastPayload ||
			kind >= 128
	})
	return exchange, vendor, ok
}

// ikeVersion2 checks a message of IKEv2: its payloads, up to the encrypted one. Receivers ignore reserved bits and
// payloads of unknown types (RFC 7296 §3.1, §3.2, §2.5).
func ikeVersion2(b []byte, length int) (exchange string, vendor []byte, ok bool) {
	const vendorID, firstPayload = 43, 33
	if int(b[18]) >= len(ikeExchanges2) || ikeExchanges2[b[18]] == "" {
		return "", nil, false
	}
	vendor, ok = ikePayloads(b, length, vendorID, true, func(kind byte) bool { return kind >= firstPayload })
	return ikeExchanges2[b[18]], vendor, ok
}

// ikePayloads walks the payloads: each has the type of the next, a reserved byte, and its length. They end with the
// message, unless the capture cut it. It returns the first payload of type wanted, a vendor identifier.
func ikePayloads(b []byte, length int, wanted byte, version2 bool, known func(byte) bool) (found []byte, ok bool) {
	const sealed, sealedFragment = 46, 53 // of version 2: their next-payload field describes the payload inside
	kind, at := b[16], ikeHeader
	for range maxIKEPayloads {
		if kind == 0 {
			return found, at == length || length-at < 4 // padding to four
		}
		if !known(kind) {
			return found, false
		}
		if at+4 > len(b) {
			return found, len(b) < length
		}
		size := be16(b[at+2:])
		if size < 4 || at+size > length || !version2 && b[at+1]&0x7f != 0 {
			return found, false
		}
		if kind == wanted && found == nil && at+size <= len(b) {
			found = b[at+4 : at+size]
		}
		if version2 && (kind == sealed || kind == sealedFragment) {
			return found, at+size == length
		}
		kind, at = b[at], at+size
	}
	return found, false
}

// inspectESPInUDP wants two packets of one direction in the same security association: whole words, the same unreserved
// SPI, consecutive sequence numbers, and differing encrypted contents (RFC 4303 §2).
func inspectESPInUDP(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	const header, tag, reserved, window = 8, 12, 255, 32
	newest := c.Newest()
	b := newest.Payload
	if len(b) < header+8 || newest.Length < header+8+tag || newest.Length%4 != 0 || be32(b) <= reserved {
		return dissect.No
	}
	for i := range c.Datagrams[:len(c.Datagrams)-1] {
		d := &c.Datagrams[i]
		if d.FromClient != newest.FromClient || len(d.Payload) < header+8 || d.Length%4 != 0 ||
			be32(d.Payload) != be32(b) {
			continue
		}
		if step := be32(b[4:]) - be32(d.Payload[4:]); step > 0 && step <= window && !bytes.Equal(b[header+4:header+8],
			d.Payload[header+4:header+8]) {
			r.SetProtocol("esp")
			r.Object("esp").Hex("spi", b[:4])
			return dissect.Yes
		}
	}
	return dissect.NeedMore
}
