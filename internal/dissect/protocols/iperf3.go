// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"slices"

	"github.com/weirnet/weir/internal/dissect"
)

// iperf3: the control connection, which begins with a cookie, and the UDP streams.
var (
	iperfProtocol = &dissect.Protocol{
		Name: "iperf3", Spec: "iperf3: control connection", Category: "network",
		Over: dissect.TCP, Ports: []uint16{5201}, Start: dissect.ByteRange('a', 'z').Or(dissect.ByteRange('2', '7')),
		MinLength: iperfCookie, Inspect: inspectIperf,
	}
	iperfStreamProtocol = &dissect.Protocol{
		Name: "iperf3", Spec: "iperf3: UDP streams", Category: "network",
		Over: dissect.UDP, Ports: []uint16{5201}, Start: dissect.BytesOf(0x36, 0x39, 0x07, 0x3a, 0x15, 0xb1),
		MinLength: iperfHello, Inspect: inspectIperfStream,
	}
)

// iperfCookie is 36 random characters of base 32 and a zero.
const iperfCookie = 37

func inspectIperf(c *dissect.Conversation, _ *dissect.Result) dissect.Verdict {
	b := c.First()
	for _, ch := range b[:min(len(b), iperfCookie-1)] {
		if (ch < 'a' || ch > 'z') && (ch < '2' || ch > '7') {
			return dissect.No
		}
	}
	if len(b) < iperfCookie {
		return dissect.NeedMore
	}
	if b[iperfCookie-1] != 0 {
		return dissect.No
	}
	return dissect.Yes
}

// iperfHello is the length of a UDP stream's opening, in bytes.
const iperfHello = 4

// iperfHellos are the pairs with which the ends of a stream greet each other, in network order: 0x36373839 and
// 0x39383736 since version 3.11, each in its host's byte order, before that 123456789 and 987654321.
var iperfHellos = [...][2]uint32{{0x39383736, 0x36373839}, {0x36373839, 0x39383736}, {0x15cd5b07, 0xb168de3a},
	{0x075bcd15, 0x3ade68b1}}

// inspectIperfStream wants both greetings, or two consecutive datagrams of one side.
func inspectIperfStream(c *dissect.Conversation, _ *dissect.Result) dissect.Verdict {
	newest := c.Newest()
	for i := range c.Datagrams[:len(c.Datagrams)-1] {
		d := &c.Datagrams[i]
		if d.FromClient != newest.FromClient && isIperfHello(d, newest) || d.FromClient == newest.FromClient &&
			isIperfNext(d, newest) {
			return dissect.Yes
		}
	}
	for i := range c.Datagrams {
		d := &c.Datagrams[i]
		if !isIperfData(d) && (d.Length != iperfHello || !hasIperfHello(d)) {
			return dissect.No
		}
	}
	return dissect.NeedMore
}

func isIperfHello(first, second *dissect.Datagram) bool {
	if first.Length != iperfHello || second.Length != iperfHello || len(first.Payload) < iperfHello ||
		len(second.Payload) < iperfHello {
		return false
	}
	return slices.Contains(iperfHellos[:], [2]uint32{ube32(first.Payload), ube32(second.Payload)})
}

func hasIperfHello(d *dissect.Datagram) bool {
	return len(d.Payload) >= iperfHello && slices.ContainsFunc(iperfHellos[:], func(pair [2]uint32) bool {
		return pair[0] == ube32(d.Payload) || pair[1] == ube32(d.Payload)
	})
}

// isIperfData checks seconds, microseconds, and the datagram's number.
func isIperfData(d *dissect.Datagram) bool {
	const header, million = 12, 1_000_000
	return len(d.Payload) >= header && be32(d.Payload[4:]) < million && ube32(d.Payload) != 0 &&
		ube32(d.Payload[8:]) != 0
}

// isIperfNext reports whether datagram b follows a: same length, the next number, and at most a second later.
func isIperfNext(a, b *dissect.Datagram) bool {
	if !isIperfData(a) || !isIperfData(b) || a.Length != b.Length || ube32(b.Payload[8:])-ube32(a.Payload[8:]) != 1 {
		return false
	}
	seconds := ube32(b.Payload) - ube32(a.Payload)
	return seconds <= 1 && (seconds == 1 || be32(b.Payload[4:]) >= be32(a.Payload[4:]))
}
