// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
)

// wireguard: handshake, cookie and transport messages, by type and length.
var wireguardProtocol = &dissect.Protocol{
	Name: "wireguard", Spec: "WireGuard: Next Generation Kernel Network Tunnel §5.4", Category: "vpn",
	Over: dissect.UDP, Ports: []uint16{51820}, Start: dissect.BytesOf(1, 2, 3, 4), MinLength: wireguardKeepalive,
	Inspect: inspectWireguard,
}

// Message lengths; padding extends transport messages to a multiple of 16 bytes.
const (
	wireguardInitiation = 148
	wireguardResponse   = 92
	wireguardCookie     = 64
	wireguardKeepalive  = 32
	// wireguardMAC2 is the length of a handshake message's last field: zero, unless the other side is under load.
	wireguardMAC2 = 16
)

func inspectWireguard(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	newest := c.Newest()
	if !isWireguard(newest) {
		return dissect.No
	}
	b := newest.Payload
	unburdened := len(b) > wireguardMAC2 && isZero(b[len(b)-wireguardMAC2:])
	switch b[0] {
	case 1:
		if unburdened && isZero(b[1:4]) && !hasManyZeros(b[8:wireguardInitiation-wireguardMAC2]) {
			return dissect.Yes
		}
	case 2:
		if unburdened && isZero(b[1:4]) && !hasManyZeros(b[12:wireguardResponse-wireguardMAC2]) ||
			wireguardAnswers(c, newest) {
			return dissect.Yes
		}
	case 3:
		if wireguardAnswers(c, newest) {
			return dissect.Yes
		}
	case 4:
		return wireguardTransport(c)
	}
	return dissect.NeedMore
}

// isWireguard checks a message's type and length. The three reserved bytes are zero, unless a provider keeps a client's
// number in them, so they count only if nothing else is distinctive.
func isWireguard(d *dissect.Datagram) bool {
	if d.Length != len(d.Payload) || d.Length < wireguardKeepalive {
		return false
	}
	switch d.Payload[0] {
	case 1:
		return d.Length == wireguardInitiation
	case 2:
		return d.Length == wireguardResponse
	case 3:
		return d.Length == wireguardCookie && isZero(d.Payload[1:4])
	case 4:
		return d.Length%16 == 0
	}
	return false
}

// wireguardAnswers reports whether a response or cookie names the sender index of the other side's initiation.
func wireguardAnswers(c *dissect.Conversation, answer *dissect.Datagram) bool {
	receiver := answer.Payload[8:12]
	if answer.Payload[0] == 3 {
		receiver = answer.Payload[4:8]
	}
	for i := range c.Datagrams {
		d := &c.Datagrams[i]
		if d.FromClient != answer.FromClient && len(d.Payload) == wireguardInitiation && d.Payload[0] == 1 &&
			bytes.Equal(d.Payload[4:8], receiver) {
			return true
		}
	}
	return false
}

// wireguardTransport wants three transport messages of one direction to one receiver with rising counters, for captures
// that begin in mid-flow. Counters begin at 0 with each key, and keys last 2^60 messages: 2^40 is a terabyte's.
func wireguardTransport(c *dissect.Conversation) dissect.Verdict {
	const receiver, counter, high, nearby = 4, 8, 13, 1 << 10
	newest, last, agree := c.Newest(), 0, 0
	for i := range c.Datagrams {
		d := &c.Datagrams[i]
		if d.FromClient != newest.FromClient {
			continue
		}
		b := d.Payload
		if !isWireguard(d) || b[0] != 4 || !isZero(b[1:4]) || !isZero(b[high:16]) {
			return dissect.NeedMore
		}
		n := le32(b[counter:])
		if agree > 0 && (!bytes.Equal(b[receiver:counter], newest.Payload[receiver:counter]) || n <= last-nearby ||
			n > last+nearby || n == last) {
			return dissect.No
		}
		last, agree = n, agree+1
	}
	if agree >= 3 {
		return dissect.Yes
	}
	return dissect.NeedMore
}
