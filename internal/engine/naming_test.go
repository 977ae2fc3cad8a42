// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/weirnet/weir/internal/engine"
	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/record"
)

// noise returns n pseudo-random bytes, the same for the same seed.
func noise(seed uint64, n int) string {
	random := rand.New(rand.NewPCG(seed, 1))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(random.Uint32())
	}
	return string(b)
}

// connection returns a TCP connection to a port with the given payloads, the client's first, in turn.
func connection(port uint16, handshake bool, says ...string) (all []sent) {
	seq := [2]uint32{1, 5001}
	if handshake {
		all = append(all, sent{1000, segment(host, web, 40000, port, 0, 0, syn, "")},
			sent{1000.01, segment(web, host, port, 40000, 5000, 1, syn|ack, "")})
	}
	for i, text := range says {
		at := 1000.02 + float64(i)*.01
		if i%2 == 0 {
			all = append(all, sent{at, segment(host, web, 40000, port, seq[0], seq[1], psh|ack, text)})
		} else {
			all = append(all, sent{at, segment(web, host, port, 40000, seq[1], seq[0], psh|ack, text)})
		}
		seq[i%2] += uint32(len(text))
	}
	return all
}

// datagrams returns a UDP flow to a port with the given payloads, the client's first, in turn.
func datagrams(port uint16, says ...string) (all []sent) {
	for i, text := range says {
		at := 1000 + float64(i)*.01
		if i%2 == 0 {
			all = append(all, sent{at, udp(host, web, 40000, port, text)})
		} else {
			all = append(all, sent{at, udp(web, host, port, 40000, text)})
		}
	}
	return all
}

// TestGuessIsForSilence: no guess contradicts the payload; without payload, or without the beginning, the port decides.
func TestGuessIsForSilence(t *testing.T) {
	random := []string{noise(1, 60), noise(2, 80), noise(3, 300), noise(4, 200), noise(5, 700), noise(6, 90)}
	for _, c := range []struct {
		name    string
		packets []sent
		want    string // protocol and method
	}{
		{"TLS, only a SYN", connection(443, true)[:1], "tls port"},
		{"TLS, only the handshake", connection(443, true), "tls port"},
		{"TLS, random bytes", connection(443, true, random...), " none"},
		{"TLS, random bytes of the client alone", connection(443, true, random[0]), " none"},
		{"TLS, random bytes in mid-session", connection(443, false, random...), "tls port"},
		{"TLS, half a record's header", connection(443, true, "\x16\x03"), "tls port"},
		{"XMPP, binary", connection(5223, true, random...), " none"},
		{"SMTP, random bytes", connection(25, true, random...), " none"},
		{"SMTP, the client alone", connection(25, true), "smtp port"},
		{"IMAP over TLS, random bytes", connection(993, true, random...), " none"},
		{"LDAP over TLS, random bytes", connection(636, true, random...), " none"},
		{"MQTT over TLS, random bytes", connection(8883, true, random...), " none"},
		{"HTTP, random bytes", connection(80, true, random...), " none"},
		{"a proxy, random bytes", connection(3128, true, random...), " none"},
		{"a proxy, silent", connection(3128, true), "http-proxy port"},
		{"FTP's data may be anything", connection(20, true, random...), "ftp-data port"},
		{"BitTorrent is random where it is encrypted", connection(6881, true, random...), "bittorrent port"},
		{"OpenVPN, random bytes", datagrams(1194, random...), " none"},
		{"DNS, random bytes", datagrams(53, random...), " none"},
		{"DNS, keep-alives", datagrams(53, "\x00\x00\x00\x00", "\r\n\r\n"), "dns port"},
		{"QUIC, short headers only", datagrams(443, "\x41"+noise(7, 40), "\x52"+noise(8, 40), "\x4c"+noise(9, 40)),
			"quic port"},
		{"QUIC, random bytes", datagrams(443, random...), " none"},
		{"BFD's echo is the sender's own", datagrams(3785, noise(1, 12)), "bfd port"},
		{"an empty datagram", datagrams(1194, ""), "openvpn port"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, _ := play(t, 1, c.packets)
			want := fmt.Sprintf("%s shutdown", c.want)
			if len(got) != 1 || !strings.HasSuffix(got[0], " "+want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

// TestGuessWhileItLives: the record of a flow under inspection guesses no more than its last one.
func TestGuessWhileItLives(t *testing.T) {
	c := config(t)
	c.UpdateEvery = time.Second
	var got []string
	p := engine.NewPipeline(c, 1, 0, func(f *record.Flow) error {
		got = append(got, fmt.Sprintf("%v %s %v", f.State, f.Protocol, f.Method))
		return nil
	})
	packets := join(connection(443, true, noise(1, 60)),
		[]sent{{1002, segment(web, host, 443, 40000, 5001, 61, psh|ack, noise(2, 70))},
			{1004, ipv4(host, web, 6, nil)}})
	for _, s := range packets {
		p.Frame(&engine.Frame{Data: s.bytes, Length: len(s.bytes), Time: int64(s.at * 1e9), Link: packet.LinkRaw})
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	for _, g := range got[:2] {
		if strings.Contains(g, "tls") {
			t.Errorf("got %q", got)
		}
	}
}

// TestCutPayloadRulesOutNothing: the missing rest of a cut payload may have identified the protocol.
func TestCutPayloadRulesOutNothing(t *testing.T) {
	var got string
	p := engine.NewPipeline(config(t), 1, 0, func(f *record.Flow) error {
		got = fmt.Sprintf("%s %v", f.Protocol, f.Method)
		return nil
	})
	for _, s := range datagrams(1194, noise(1, 100), noise(2, 100)) {
		p.Frame(&engine.Frame{Data: s.bytes[:40], Length: len(s.bytes), Time: int64(s.at * 1e9), Link: packet.LinkRaw})
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if got != "openvpn port" {
		t.Errorf("got %q", got)
	}
}

// TestWhoAsks: the first speaker is the client, unless the ports or the message itself say otherwise.
func TestWhoAsks(t *testing.T) {
	answer := "\x12\x34\x81\x80\x00\x01\x00\x00\x00\x00\x00\x00" + dnsName + "\x00\x01\x00\x01"
	bootp := func(op string) string { return op + "\x01\x06\x00" + strings.Repeat("\x00", 240) }
	for _, c := range []struct {
		name     string
		from, to uint16
		payload  string
		isClient bool // whether the sender is the client
	}{
		{"a WireGuard port as a client's", 51820, 7000, "x", true},
		{"a BACnet port as a client's", 47808, 7000, "x", true},
		{"an EtherNet/IP port as a client's", 44818, 7000, "x", true},
		{"a WireGuard port as a client's, to another high one", 51820, 40001, "x", true},
		{"a WireGuard port as a client's of a service", 51820, 443, "x", true},
		{"a WireGuard server's", 40000, 51820, "x", true},
		{"a service answers such a client", 443, 51820, "x", false},
		{"a user port's service answers", 1194, 47808, "x", false},
		{"a service answers", 443, 40000, "x", false},
		{"a system port answers", 999, 40000, "x", false},
		{"a DNS question", 53, 53, dnsQuery, true},
		{"a DNS answer", 53, 53, answer, false},
		{"a DNS answer to a client", 53, 40000, answer, false},
		{"mDNS in unicast, an answer", 5353, 5353, "\x00\x00\x84" + answer[3:], false},
		{"NetBIOS names, an answer", 137, 137, "\x00\x00\x85" + answer[3:], false},
		{"no DNS between equal ports", 53, 53, "\x00\x00\xff", true},
		{"NTP, a client", 123, 123, "\x23" + strings.Repeat("\x00", 47), true},
		{"NTP, a server", 123, 123, "\x24" + strings.Repeat("\x00", 47), false},
		{"DHCP, a request", 68, 67, bootp("\x01"), true},
		{"DHCP, an offer", 67, 68, bootp("\x02"), false},
		{"DHCP, a relay's request", 67, 67, bootp("\x01"), true},
		{"DHCP, an offer to a relay", 67, 67, bootp("\x02"), false},
		{"DHCPv6, an answer", 547, 546, "\x07\x00\x00\x01", false},
		{"SIP, a request", 5060, 5060, "OPTIONS sip:a SIP/2.0\r\n", true},
		{"SIP, a response", 5060, 5060, "SIP/2.0 200 OK\r\n", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, _ := play(t, 1, []sent{{1000, udp(host, web, c.from, c.to, c.payload)}})
			want := fmt.Sprintf("%s:%d>%s:%d 1/0", host, c.from, web, c.to)
			if !c.isClient {
				want = fmt.Sprintf("%s:%d>%s:%d 0/1", web, c.to, host, c.from)
			}
			if len(got) != 1 || !strings.HasPrefix(got[0], want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
	for _, port := range []uint16{51820, 47808, 44818} {
		got, _ := play(t, 1, []sent{{1000, udp(host, web, port, 7000, "x")}, {1000.1, udp(web, host, 7000, port, "y")}})
		if want := fmt.Sprintf("%s:%d>%s:7000 1/1  none shutdown", host, port, web); len(got) != 1 || got[0] != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// TestProtocolNumbers: an unambiguous number names its protocol, whatever the payload.
func TestProtocolNumbers(t *testing.T) {
	for number, name := range map[byte]string{
		2: "igmp", 8: "egp", 46: "rsvp", 50: "esp", 51: "ah", 88: "eigrp", 89: "ospf", 97: "etherip", 103: "pim",
		108: "ipcomp", 112: "vrrp",
		113: "pgm", 115: "l2tp", 139: "hip",
	} {
		for _, payload := range []string{"", "\x00", noise(uint64(number), 9), noise(uint64(number), 100)} {
			got, _ := play(t, 1, []sent{{1000, ipv4(host, web, number, []byte(payload))}})
			if len(got) != 1 || !strings.HasSuffix(got[0], " "+name+" dpi shutdown") {
				t.Errorf("number %d, %d bytes: got %q, want %s", number, len(payload), got, name)
			}
		}
	}
	for _, number := range []byte{27, 61, 253, 255} { // unassigned, "any host internal protocol", for experiments
		if got, _ := play(t, 1, []sent{{1000, ipv4(host, web, number, []byte("abc"))}}); len(got) != 1 ||
			!strings.HasSuffix(got[0], "  none shutdown") {
			t.Errorf("number %d: got %q", number, got)
		}
	}
}
