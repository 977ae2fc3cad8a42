// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"github.com/weirnet/weir/internal/dissect"
	"github.com/weirnet/weir/internal/wire/dns"
)

// dhcpv6: RFC 8415.
var dhcpv6Protocol = &dissect.Protocol{
	Name: "dhcpv6", Spec: "RFC 8415 §8, §9, §21", Category: "network",
	Members: []string{"dhcpv6.class", "dhcpv6.enterprise", "dhcpv6.fingerprint", "dhcpv6.fqdn", "dhcpv6.message_type",
		"dhcpv6.server_id"},
	Over: dissect.UDP, Ports: []uint16{546, 547}, Inspect: inspectDHCPv6,
}

const (
	// maxDHCPv6Options bounds the walked options of a message; clients send about ten.
	maxDHCPv6Options = 128
	// maxDHCPv6Relays is how many relays may wrap a message: HOP_COUNT_LIMIT of RFC 8415 §7.6.
	maxDHCPv6Relays = 8
)

// dhcpv6Types are the message types of IANA's registry.
var dhcpv6Types = [...]string{
	1: "solicit", 2: "advertise", 3: "request", 4: "confirm", 5: "renew", 6: "rebind", 7: "reply", 8: "release",
	9: "decline", 10: "reconfigure", 11: "information-request", 12: "relay-forward", 13: "relay-reply",
	14: "leasequery",
	15: "leasequery-reply", 16: "leasequery-done", 17: "leasequery-data", 18: "reconfigure-request",
	19: "reconfigure-reply", 20: "dhcpv4-query", 21: "dhcpv4-response", 22: "active-leasequery", 23: "starttls",
}

// dhcpv6Options are the options that the record shows.
type dhcpv6Options struct{ relayed, requested, vendorClass, fqdn, serverID []byte }

func inspectDHCPv6(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	const header, relayHeader = 4, 34
	d := &c.Datagrams[0]
	b, cut := d.Payload, d.Length > len(d.Payload)
	if len(b) < header || b[0] == 0 || int(b[0]) >= len(dhcpv6Types) {
		return dissect.No
	}
	o := r.Object("dhcpv6")
	o.String("message_type", dhcpv6Types[b[0]])
	var options dhcpv6Options
	for range maxDHCPv6Relays {
		size := header
		if b[0] == 12 || b[0] == 13 {
			size = relayHeader
		}
		options.relayed = nil
		if len(b) < size || !options.read(b[size:], cut) {
			return dissect.No
		}
		if size == header || len(options.relayed) < header {
			break
		}
		b = options.relayed
	}
	var text [max(dns.MaxText, dissect.MaxText)]byte
	if options.requested != nil {
		o.Text("fingerprint", appendNumbers(text[:0:dissect.MaxText], options.requested, 2))
	}
	if v := options.vendorClass; len(v) > 6 { // enterprise number, then texts with two bytes of length, RFC 8415 §21.16
		o.Int("enterprise", int64(be32(v)))
		o.Text("class", v[6:min(6+be16(v[4:]), len(v))])
	}
	if v := options.fqdn; len(v) > 1 { // flags, then a name on the wire that may lack its end, RFC 4704 §4
		o.Text("fqdn", appendFQDN(text[:0], v[1:]))
	}
	o.Hex("server_id", options.serverID)
	return dissect.Yes
}

// read walks options: code and length of two bytes each. They must end with the message, unless the capture cut it.
func (o *dhcpv6Options) read(b []byte, cut bool) bool {
	const serverID, oro, relayMessage, vendorClass, fqdn, lastCode = 2, 6, 9, 16, 39, 150
	known := false // receivers ignore unknown options (RFC 8415 §16), but some must be known
	for range maxDHCPv6Options {
		if len(b) == 0 {
			return known
		}
		if len(b) < 4 {
			return cut && known
		}
		code, end := be16(b), 4+be16(b[2:])
		known = known || code > 0 && code <= lastCode
		if code == 0 || end > len(b) {
			return cut && known
		}
		switch value := b[4:end]; code {
		case serverID:
			o.serverID = value
		case oro:
			o.requested = value
		case relayMessage:
			o.relayed = value
		case vendorClass:
			o.vendorClass = value
		case fqdn:
			o.fqdn = value
		}
		b = b[end:]
	}
	return false
}

// appendFQDN appends uncompressed labels with dots between them; the root may be missing.
func appendFQDN(dst, b []byte) []byte {
	for i := 0; len(b) > 0 && b[0] != 0 && int(b[0]) < len(b) && len(dst)+int(b[0]) < cap(dst); i++ {
		if i > 0 {
			dst = append(dst, '.')
		}
		n := int(b[0])
		dst = append(dst, b[1:1+n]...)
		b = b[1+n:]
	}
	return dst
}
