// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"slices"
	"testing"
)

// TestIgnoredBits sets bits that the specification makes receivers ignore: the flow keeps its name.
func TestIgnoredBits(t *testing.T) {
	for _, c := range []struct {
		protocol string
		k        talk
		why      string
		at       map[int]byte // by offset in the first message, bits to set there
	}{
		{"capwap", capwapDiscovery, "RFC 5415 §4.3", map[int]byte{3: 0x07, 7: 0x07}},
		{"capwap", capwapDTLS, "RFC 5415 §4.2", map[int]byte{1: 0x80, 3: 0x01}},
		{"gtp-c", gtpEcho1, "3GPP TS 29.060 §6", map[int]byte{0: 0x08}},
		{"gtp-c", gtpSession, "3GPP TS 29.274 §5.1, §8.2.1", map[int]byte{0: 0x03, 15: 0xf0}},
		{"gtp-u", gtpUserEnd, "3GPP TS 29.281 §5.1", map[int]byte{0: 0x08}},
		{"l2tp", l2tpStart, "RFC 2661 §3.1", map[int]byte{0: 0x34, 1: 0xf0}},
		{"l2tp", l2tpStart, "RFC 2661 §4.1, an unknown attribute", map[int]byte{20: 0x3c}},
		{"lisp", lispData, "RFC 9300 §5.3", map[int]byte{0: 0x04}},
		{"lisp", lispRegister, "RFC 9301 §5.6", map[int]byte{1: 0xff, 2: 0xe0}},
		{"lisp", udp(4342, CX("80000000 4500001c 00000000 40110000 c0000201 c0000202 10f6 10f6 0008 0000")),
			"RFC 9301 §5.8", map[int]byte{1: 0xff, 3: 0xff}},
		{"pfcp", pfcpHeartbeat, "3GPP TS 29.244 §7.2.2.1", map[int]byte{0: 0x18, 7: 0xff}},
		{"pfcp", pfcpSession, "3GPP TS 29.244 §7.2.2.1", map[int]byte{0: 0x18, 15: 0xff}},
		{"bfcp", bfcpGreeting, "RFC 8855 §5.1", map[int]byte{0: 0x1f}},
		{"diameter", diameterTCP, "RFC 6733 §3, §4.1", map[int]byte{4: 0x0f, 24: 0x1f}},
		{"ptpv2", ptpSync, "IEEE 1588-2019 §13.3.2", map[int]byte{1: 0xf0, 32: 0xff}},
		{"tacacs-plus", tacacsTalk, "RFC 8907 §4.1", map[int]byte{3: 0xfa}},
		{"ldp", udp(646, CX("0001 002a c0000201 0000 0100 0014 00000001 0400 0004 000f 0000 0401 0004 c0000201 | "+
			"ff01 0008 00000002 01020304")),
			"RFC 5036 §3.5, an unknown message", nil},
		{"gre", greMessage, "RFC 2784 §2.3", map[int]byte{0: 0x03, 1: 0xf8}},
		{"ah", ahMessage, "RFC 4302 §2.3", map[int]byte{2: 0xff, 3: 0xff}},
		{"hsrp", hsrpV1, "RFC 2281 §5.2", map[int]byte{7: 0xff}},
		{"http2", tcp(4000, SX("00000c 04 00 00000000 0003 00000064 0004 00010000")), "RFC 9113 §4.1, §6.5",
			map[int]byte{4: 0xfe, 5: 0x80}},
		{"http2", tcp(4000, SX("000012 04 00 00000000 0003 00000064 2a2a 00010000 0004 00010000")), "RFC 9113 §6.5.2",
			nil},
		{"pcp", pcpMap, "RFC 6887 §7.1, §11.1", map[int]byte{2: 0xff, 3: 0xff, 37: 0xff}},
		{"nat-pmp", udp(5351, natPMPMap.Says[0], SX("0081 0000 00000010 1f90 1f90 00000e10")), "RFC 6886 §3.3",
			map[int]byte{2: 0xff, 3: 0xff}},
		{"coap", udp(5683, CX("40 01 7d34 bb"+"74656d7065726174757265"+"d1 de 01"), coapGet.Says[1]),
			"RFC 7252 §5.4.1, an unknown elective option", nil},
		{"dhcpv6", udp(547, CX(dhcpv6Solicit+"7fff 0002 0102")), "RFC 8415 §16, an unknown option", nil},
		{"rtsp", tcp(4000, C("\r\n\r\nOPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n")), "RFC 7826 §5.1", nil},
	} {
		k := c.k
		k.Says = slices.Clone(k.Says)
		k.Says[0].Bytes = slices.Clone(k.Says[0].Bytes)
		for i, bits := range c.at {
			k.Says[0].Bytes[i] |= bits
		}
		if h := listen(t, k); h.Protocol != c.protocol {
			t.Errorf("%s: named %q, want %q (outcome %d after %d messages): %s", c.why, h.Protocol, c.protocol,
				h.Outcome, h.Messages, h.Info)
		}
	}
}
