// SPDX-License-Identifier: Apache-2.0

package dissect

import (
	"bytes"
	"slices"
)

// Protocols that a greeting of their own makes certain: speed tests, file sharing, consoles.
var (
	_ = register(Protocol{
		Name: "iperf3", Spec: "iperf3: control connection", Category: "network",
		Over: TCP, Ports: []uint16{5201}, Start: Range('a', 'z').Or(Range('2', '7')), MinLength: iperfCookie, Inspect: inspectIperf,
	})
	_ = register(Protocol{
		Name: "iperf3", Spec: "iperf3: UDP streams", Category: "network",
		Over: UDP, Ports: []uint16{5201}, Start: Of(0x36, 0x39, 0x07, 0x3a, 0x15, 0xb1), MinLength: iperfHello, Inspect: inspectIperfStream,
	})
	_ = register(Protocol{
		Name: "ookla", Spec: "Ookla speed test over TCP: HI, HELLO", Category: "network",
		Over: TCP, Ports: []uint16{8080}, Start: Firsts("HI", "HELLO "), MinLength: 3, Inspect: inspectOokla,
	})
	_ = register(Protocol{
		Name: "libp2p", Spec: "multistream-select 1.0", Category: "file-sharing",
		Over: TCP, Ports: []uint16{4001}, Start: Firsts(multistream), MinLength: len(multistream), Inspect: inspectLibp2p,
	})
	_ = register(Protocol{
		Name: "direct-connect", Spec: "NMDC $Lock; ADC 1.0 §4.3", Category: "file-sharing",
		Over: TCP, Ports: []uint16{411, 412}, Start: Firsts("$", "HSUP"), MinLength: 8, Inspect: inspectDirectConnect,
	})
	_ = register(Protocol{
		Name: "teeworlds", Spec: "Teeworlds 0.6 and 0.7: connectionless packets", Category: "gaming",
		Over: UDP, Ports: []uint16{8303}, Start: Of(0xff, 'x'), MinLength: teeworldsHeader + 4, Inspect: inspectTeeworlds,
	})
	_ = register(Protocol{
		Name: "playstation-discovery", Spec: "PlayStation remote play: device discovery protocol", Category: "gaming",
		Over: UDP, Ports: []uint16{987, 9302}, Start: Firsts("SRCH", "WAKEUP"), MinLength: 16, Inspect: inspectPlaystation,
	})
)

// iperfCookie is 36 random characters of base 32 and a zero.
const iperfCookie = 37

func inspectIperf(c *Conversation, _ *Result) Verdict {
	b := c.First()
	for _, ch := range b[:min(len(b), iperfCookie-1)] {
		if (ch < 'a' || ch > 'z') && (ch < '2' || ch > '7') {
			return No
		}
	}
	if len(b) < iperfCookie {
		return NeedMore
	}
	if b[iperfCookie-1] != 0 {
		return No
	}
	return Yes
}

// iperfHello is the length of what opens a UDP stream.
const iperfHello = 4

// iperfHellos are the pairs with which the ends of a stream greet each other, in network order: 0x36373839 and 0x39383736 since version
// 3.11, each in the byte order of its host, before that 123456789 and 987654321.
var iperfHellos = [...][2]uint32{{0x39383736, 0x36373839}, {0x36373839, 0x39383736}, {0x15cd5b07, 0xb168de3a}, {0x075bcd15, 0x3ade68b1}}

// inspectIperfStream wants both numbers, or two datagrams of one side that follow one another.
func inspectIperfStream(c *Conversation, _ *Result) Verdict {
	newest := c.Newest()
	for i := range c.Datagrams[:len(c.Datagrams)-1] {
		d := &c.Datagrams[i]
		if d.FromClient != newest.FromClient && isIperfHello(d, newest) || d.FromClient == newest.FromClient && isIperfNext(d, newest) {
			return Yes
		}
	}
	for i := range c.Datagrams {
		d := &c.Datagrams[i]
		if !isIperfData(d) && (d.Length != iperfHello || !hasIperfHello(d)) {
			return No
		}
	}
	return NeedMore
}

func isIperfHello(first, second *Datagram) bool {
	if first.Length != iperfHello || second.Length != iperfHello || len(first.Payload) < iperfHello || len(second.Payload) < iperfHello {
		return false
	}
	return slices.Contains(iperfHellos[:], [2]uint32{ube32(first.Payload), ube32(second.Payload)})
}

func hasIperfHello(d *Datagram) bool {
	return len(d.Payload) >= iperfHello && slices.ContainsFunc(iperfHellos[:], func(pair [2]uint32) bool { return pair[0] == ube32(d.Payload) || pair[1] == ube32(d.Payload) })
}

// isIperfData checks seconds, microseconds, and a number of the datagram.
func isIperfData(d *Datagram) bool {
	const header, million = 12, 1_000_000
	return len(d.Payload) >= header && be32(d.Payload[4:]) < million && ube32(d.Payload) != 0 && ube32(d.Payload[8:]) != 0
}

// isIperfNext says whether datagram b follows a: as long, the next number, and at most a second later.
func isIperfNext(a, b *Datagram) bool {
	if !isIperfData(a) || !isIperfData(b) || a.Length != b.Length || ube32(b.Payload[8:])-ube32(a.Payload[8:]) != 1 {
		return false
	}
	seconds := ube32(b.Payload) - ube32(a.Payload)
	return seconds <= 1 && (seconds == 1 || be32(b.Payload[4:]) >= be32(a.Payload[4:]))
}

// inspectOokla wants the client's "HI", alone or with its identifier, and the server's "HELLO 2." with its version.
func inspectOokla(c *Conversation, r *Result) Verdict {
	hi, hello := c.First(), c.Second()
	if c.ServerFirst() {
		hi, hello = hello, hi
	}
	if len(hi) > 0 && !couldBe(hi, "HI\n") && !couldBe(hi, "HI\r\n") && !couldBe(hi, "HI ") || !couldBe(hello, "HELLO 2.") {
		return No
	}
	if len(hi) < 3 || len(hello) < len("HELLO 2.") {
		return NeedMore
	}
	r.SetApplication("ookla")
	return Yes
}

const multistream = "\x13/multistream/1.0.0\n"

func inspectLibp2p(c *Conversation, _ *Result) Verdict {
	if hasPrefix(c.First(), multistream) || hasPrefix(c.Second(), multistream) {
		return Yes
	}
	return No
}

// inspectDirectConnect wants "$Lock KEY Pk=NAME|", after "$MyNick NAME|" between peers, or ADC's list of features.
func inspectDirectConnect(c *Conversation, _ *Result) Verdict {
	const longest = 1024
	for _, b := range [2][]byte{c.First(), c.Second()} {
		if hasPrefix(b, "HSUP AD") {
			line, _, whole := cutLine(b)
			if whole && (bytes.Contains(line, []byte(" ADBASE")) || bytes.Contains(line, []byte(" ADBAS0"))) && isPrintable(line) {
				return Yes
			}
			continue
		}
		if hasPrefix(b, "$MyNick ") {
			_, b, _ = bytes.Cut(b[:min(len(b), longest)], []byte{'|'})
		}
		lock, _, whole := bytes.Cut(b[:min(len(b), longest)], []byte{'|'})
		if whole && hasPrefix(lock, "$Lock ") && bytes.Contains(lock, []byte(" Pk=")) {
			return Yes
		}
	}
	if b := c.First(); len(b) < longest && (couldBe(b, "$Lock ") || couldBe(b, "$MyNick ") || couldBe(b, "HSUP AD")) {
		return NeedMore
	}
	return No
}

// teeworldsHeader: ten bytes of 0xff; since version 0.6.4 the first six can be "xe" and a token.
const teeworldsHeader = 10

// teeworldsMessages ask for information on a server, give it, or ask for and give the list of servers.
var teeworldsMessages = []string{"gie3", "inf3", "iext", "iex+", "gief", "info", "req2", "lis2", "cou2", "siz2", "hea2", "bea2", "fwok", "fwer", "fw??"}

func inspectTeeworlds(c *Conversation, _ *Result) Verdict {
	b := c.Newest().Payload
	if len(b) < teeworldsHeader+4 || !hasPrefix(b, "\xff\xff\xff\xff\xff\xff") && !hasPrefix(b, "xe") {
		return No
	}
	if !hasPrefix(b[6:], "\xff\xff\xff\xff") || !hasAnyPrefix(b[teeworldsHeader:], teeworldsMessages) {
		return No
	}
	return Yes
}

func inspectPlaystation(c *Conversation, r *Result) Verdict {
	b := c.First()
	if !hasPrefix(b, "SRCH * HTTP/1.1\n") && !hasPrefix(b, "WAKEUP * HTTP/1.1\n") || !bytes.Contains(b, []byte("device-discovery-protocol-version:")) {
		return No
	}
	r.SetApplication("playstation")
	return Yes
}
