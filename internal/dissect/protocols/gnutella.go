// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
)

// gnutella: the handshake over TCP, and messages over UDP.
var gnutellaProtocol = &dissect.Protocol{
	Name: "gnutella", Spec: "RFC-Gnutella 0.6 §2.1; GDF Gnutella protocol v0.4", Category: "file-sharing",
	Over: dissect.TCP, Ports: []uint16{6346, 6347}, Start: dissect.FirstBytes("GNUTELLA", "GIV "), MinLength: 13,
	Members: []string{"gnutella.client"},
	Inspect: inspectGnutella,
}

var gnutellaDatagramProtocol = &dissect.Protocol{
	Name: "gnutella", Spec: "RFC-Gnutella 0.6 §2.2", Category: "file-sharing",
	Over: dissect.UDP, Ports: []uint16{6346, 6347}, Start: dissect.FirstBytes("GND"), MinLength: gnutellaGND,
	Members: []string{"gnutella.client"},
	Inspect: inspectGnutellaDatagram,
}

// gnutellaGND is the header length of LimeWire's and GTK-Gnutella's semi-reliable datagrams: tag, flags, sequence,
// part, count.
const gnutellaGND = 8

func inspectGnutella(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	for _, b := range [2][]byte{c.First(), c.Second()} {
		line, rest, whole := cutLine(b)
		switch {
		case hasPrefix(b, "GNUTELLA CONNECT/0.") && whole, hasPrefix(b, "GNUTELLA/0.") &&
			replyCode(argument(line)) != 0:
			describeGnutella(rest, r)
			return dissect.Yes
		case hasPrefix(b, "GIV ") && whole && isGnutellaGive(argument(line)):
			return dissect.Yes
		}
	}
	if couldBe(c.First(), "GNUTELLA") || couldBe(c.First(), "GIV ") {
		return dissect.NeedMore
	}
	return dissect.No
}

// describeGnutella writes the client's name from the headers.
func describeGnutella(b []byte, r *dissect.Result) {
	for n := 0; n < maxLines && len(b) > 0; n++ {
		var line []byte
		line, b, _ = cutLine(b)
		if hasPrefixFold(line, "USER-AGENT: ") {
			r.Object("gnutella").Text("client", argument(line))
			return
		}
	}
}

// isGnutellaGive checks the rest of "GIV index:identifier/name", with which a host behind a firewall offers a file: the
// identifier has 32 hexadecimal digits.
func isGnutellaGive(b []byte) bool {
	index, rest, ok := bytes.Cut(b, []byte{':'})
	if !ok || len(index) == 0 || len(index) > 10 || len(rest) < 33 || rest[32] != '/' {
		return false
	}
	for _, c := range rest[:32] {
		if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'f') {
			return false
		}
	}
	return true
}

// gnutellaPart checks a part of a message: the flags (receivers ignore unknown ones of the high half), sequence number,
// part, and the number of parts, 0 in an acknowledgment, which ends there. With unknown flags, the part must hold a
// Gnutella2 packet, or a second such datagram must follow.
func gnutellaPart(c *dissect.Conversation) dissect.Verdict {
	const deflated, acknowledged, critical = 0x01, 0x02, 0x0f
	isPart := func(d *dissect.Datagram) bool {
		b := d.Payload
		return len(b) >= gnutellaGND && hasPrefix(b, "GND") && b[3]&critical&^(deflated|acknowledged) == 0 &&
			b[6] > 0 &&
			(b[7] == 0 && d.Length == gnutellaGND || b[6] <= b[7] && d.Length > gnutellaGND)
	}
	newest := c.Newest()
	if !isPart(newest) {
		return dissect.No
	}
	if b := newest.Payload; b[3]&^critical == 0 || b[3]&deflated == 0 && b[6] == 1 && isGnutella2(b[gnutellaGND:]) {
		return dissect.Yes
	}
	for i := range c.Datagrams[:len(c.Datagrams)-1] {
		if isPart(&c.Datagrams[i]) {
			return dissect.Yes
		}
	}
	return dissect.NeedMore
}

// isGnutella2 checks the header of a Gnutella2 packet: a byte with the size of the length (2 bits), the name's length
// less one (3 bits), and flags; the length; the name in letters and digits.
func isGnutella2(b []byte) bool {
	if len(b) == 0 || b[0] == 0 {
		return false
	}
	name := 1 + int(b[0]>>6)
	end := name + int(b[0]>>3&7) + 1
	if len(b) < end {
		return false
	}
	for _, c := range b[name:end] {
		if (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// inspectGnutellaDatagram checks a message of 23 bytes and its payload (GUID, type, TTL, hops, length).
func inspectGnutellaDatagram(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	const kind, ttl, hops, size, header, maxTTL = 16, 17, 18, 19, 23, 7
	d := c.Newest()
	b := d.Payload
	if hasPrefix(b, "GND") {
		return gnutellaPart(c)
	}
	if len(b) < header || header+le32(b[size:]) != d.Length || b[ttl]+b[hops] > maxTTL || b[ttl] > maxTTL {
		return dissect.No
	}
	switch b[kind] {
	case 0x00, 0x01, 0x31, 0x40, 0x80, 0x81: // ping, pong, vendor message, push, query, hit
		if b[8] == 0xff && b[15] == 0 {
			return dissect.Yes // modern servents mark their GUIDs so
		}
	}
	return dissect.No
}
