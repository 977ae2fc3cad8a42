// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"net/netip"
	"strconv"

	"github.com/weirnet/weir/internal/dissect"
)

// dhcp: DHCP (RFC 2131), and BOOTP (RFC 951) if a message has no options.
var dhcpProtocol = &dissect.Protocol{
	Name:      "dhcp",
	Spec:      "RFC 2131 §2; RFC 2132; RFC 951 §3",
	Category:  "network",
	Over:      dissect.UDP,
	Ports:     []uint16{67, 68},
	Start:     dissect.BytesOf(1, 2),
	MinLength: dhcpOptions,
	Members: []string{"dhcp.class", "dhcp.client_mac", "dhcp.fingerprint", "dhcp.fqdn", "dhcp.host_name",
		"dhcp.message_type", "dhcp.requested_ip", "dhcp.server_id"},
	Inspect: inspectDHCP,
}

const (
	dhcpCookie  = 236
	dhcpOptions = 240
	dhcpMagic   = "\x63\x82\x53\x63" // RFC 2131 §3
	// maxDHCPOptions bounds the walked options: 256 codes exist, and long options span several (RFC 3396).
	maxDHCPOptions = 300
)

// dhcpTypes are the message types, RFC 2132 §9.6 and IANA's registry.
var dhcpTypes = [...]string{
	1: "discover", 2: "offer", 3: "request", 4: "decline", 5: "ack", 6: "nak", 7: "release", 8: "inform",
	9:  "forcerenew",
	10: "leasequery", 11: "leaseunassigned", 12: "leaseunknown", 13: "leaseactive", 14: "bulkleasequery",
	15: "leasequerydone", 16: "activeleasequery", 17: "leasequerystatus", 18: "tls",
}

func inspectDHCP(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	d := &c.Datagrams[0]
	b := d.Payload
	if len(b) < dhcpCookie || b[0] < 1 || b[0] > 2 || b[2] > 16 || b[3] > 16 {
		return dissect.No
	}
	o := r.Object("dhcp")
	if len(b) < dhcpOptions || string(b[dhcpCookie:dhcpOptions]) != dhcpMagic {
		// BOOTP: 300 bytes, 64 of them the vendor's, between the two ports, on Ethernet or a similar link.
		if d.Length < 300 || b[1] == 0 || b[2] != 6 || !c.HasPort(67) || !c.HasPort(68) || b[10]&0x7f != 0 ||
			b[11] != 0 {
			return dissect.No
		}
		o.String("message_type", "bootp")
		dhcpMAC(o, b)
		return dissect.Yes
	}
	var seen dissect.ByteSet
	for i, options := 0, b[dhcpOptions:]; i < maxDHCPOptions; i++ {
		code, value, rest := dhcpOption(options)
		if code < 0 {
			break
		}
		if !seen.Has(byte(code)) { // only the first part of a long option counts (RFC 3396)
			dhcpField(o, code, value)
			seen = seen.Or(dissect.BytesOf(byte(code)))
		}
		options = rest
	}
	dhcpMAC(o, b)
	return dissect.Yes
}

// dhcpOption splits the first option off b, after padding (RFC 2132 §2); code -1 is the end.
func dhcpOption(b []byte) (code int, value, rest []byte) {
	const pad, end = 0, 255
	for len(b) > 0 && b[0] == pad {
		b = b[1:]
	}
	if len(b) < 2 || b[0] == end || int(b[1]) > len(b)-2 {
		return -1, nil, nil
	}
	n := 2 + int(b[1])
	return int(b[0]), b[2:n], b[n:]
}

// dhcpField writes the options that identify the device and list its requests.
func dhcpField(o *dissect.Object, code int, value []byte) {
	const hostName, requested, messageType, server, parameters, class, clientFQDN = 12, 50, 53, 54, 55, 60, 81
	switch {
	case code == messageType && len(value) == 1 && int(value[0]) < len(dhcpTypes):
		o.String("message_type", dhcpTypes[value[0]])
	case code == hostName:
		o.Text("host_name", value)
	case code == clientFQDN && len(value) > 3: // flags and two codes before the name, RFC 4702 §2
		o.Text("fqdn", value[3:])
	case code == requested && len(value) == 4:
		o.Addr("requested_ip", netip.AddrFrom4([4]byte(value)))
	case code == server && len(value) == 4:
		o.Addr("server_id", netip.AddrFrom4([4]byte(value)))
	case code == class:
		o.Text("class", value)
	case code == parameters:
		var text [dissect.MaxText]byte
		o.Text("fingerprint", appendNumbers(text[:0], value, 1))
	}
}

// appendNumbers appends size-byte numbers with commas between them, as many as fit into dst whole.
func appendNumbers(dst, b []byte, size int) []byte {
	for i := 0; len(b) >= size && cap(dst)-len(dst) >= 6; i, b = i+1, b[size:] {
		if i > 0 {
			dst = append(dst, ',')
		}
		n := int(b[0])
		if size == 2 {
			n = be16(b)
		}
		dst = strconv.AppendInt(dst, int64(n), 10)
	}
	return dst
}

func dhcpMAC(o *dissect.Object, b []byte) {
	if b[2] == 6 {
		var text [17]byte
		o.Text("client_mac", appendMAC(text[:0], b[28:34]))
	}
}
