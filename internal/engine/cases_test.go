// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/weirnet/weir/internal/engine"
	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/record"
)

// Packets are raw IPv4, built here. Times are in seconds.

type sent struct {
	at    float64
	bytes []byte
}

func ipv4(src, dst string, proto byte, payload []byte) []byte {
	b := make([]byte, 20, 20+len(payload))
	b[0], b[8], b[9] = 0x45, 64, proto
	binary.BigEndian.PutUint16(b[2:], uint16(20+len(payload)))
	copy(b[12:], netip.MustParseAddr(src).AsSlice())
	copy(b[16:], netip.MustParseAddr(dst).AsSlice())
	return append(b, payload...)
}

func udp(src, dst string, srcPort, dstPort uint16, payload string) []byte {
	h := make([]byte, 8)
	binary.BigEndian.PutUint16(h, srcPort)
	binary.BigEndian.PutUint16(h[2:], dstPort)
	binary.BigEndian.PutUint16(h[4:], uint16(8+len(payload)))
	return ipv4(src, dst, packet.ProtoUDP, append(h, payload...))
}

func segment(src, dst string, srcPort, dstPort uint16, seq, ack uint32, flags byte, payload string) []byte {
	h := make([]byte, 20)
	binary.BigEndian.PutUint16(h, srcPort)
	binary.BigEndian.PutUint16(h[2:], dstPort)
	binary.BigEndian.PutUint32(h[4:], seq)
	binary.BigEndian.PutUint32(h[8:], ack)
	h[12], h[13] = 0x50, flags
	return ipv4(src, dst, packet.ProtoTCP, append(h, payload...))
}

// piece returns the n-th fragment, of 8 bytes, of the datagram id.
func piece(id, n byte, more bool) []byte {
	b := udp(host, web, 50000, 40001, "12345678")
	b[3], b[5], b[7] = 28, id, n
	if more {
		b[6] = 0x20
	}
	return b[:28]
}

// echo returns an ICMP message with an identifier (RFC 792).
func echo(src, dst string, icmpType, id byte) []byte {
	return ipv4(src, dst, packet.ProtoICMP, []byte{icmpType, 0, 0, 0, 0, id, 0, 1})
}

func gre(src, dst string, inner []byte) []byte {
	return ipv4(src, dst, packet.ProtoGRE, append([]byte{0, 0, 8, 0}, inner...))
}

// vxlan wraps an IPv4 packet in Ethernet and VXLAN (RFC 7348 §5).
func vxlan(vni byte, inner []byte) []byte {
	h := []byte{8, 0, 0, 0, 0, 0, vni, 0, 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0}
	return udp("192.0.2.1", "192.0.2.2", 50000, 4789, string(append(h, inner...)))
}

const (
	fin, syn, rst, psh, ack = packet.FIN, packet.SYN, packet.RST, packet.PSH, packet.ACK

	host, web = "10.0.0.9", "198.51.100.1"
)

// request returns a connection from host's port to web's port 80, opened at a time with a sequence number, with a
// request for name.
func request(at float64, port uint16, seq uint32, name string) []sent {
	return []sent{
		{at, segment(host, web, port, 80, seq, 0, syn, "")},
		{at + .01, segment(web, host, 80, port, seq+5000, seq+1, syn|ack, "")},
		{at + .02, segment(host, web, port, 80, seq+1, seq+5001, psh|ack, "GET / HTTP/1.1\r\nHost: "+name+"\r\n\r\n")},
		{at + .03, segment(web, host, 80, port, seq+5001, seq+50, psh|ack, "HTTP/1.1 204 No Content\r\nServer: x\r\n"+
			"\r\n")},
	}
}

// ftp returns a control connection that announces port 51210 of a host, and a SYN to there.
func ftp(at float64, port uint16, announced string) []sent {
	const hello, password, welcome = "220 ftp ready\r\n", "331 password please\r\n", "230 ok\r\n"
	reply := fmt.Sprintf("227 Entering Passive Mode (%s,200,10)\r\n", strings.ReplaceAll(announced, ".", ","))
	server := uint32(201)
	var all []sent
	add := func(fromServer bool, seq uint32, text string) {
		s := sent{at + float64(len(all))*.01, segment(host, web, port, 21, seq, 0, psh|ack, text)}
		if fromServer {
			s.bytes = segment(web, host, 21, port, seq, 0, psh|ack, text)
		}
		all = append(all, s)
	}
	all = append(all, sent{at, segment(host, web, port, 21, 100, 0, syn, "")},
		sent{at, segment(web, host, 21, port, 200, 101, syn|ack, "")})
	add(true, server, hello)
	add(false, 101, "USER bob\r\n")
	add(true, server+uint32(len(hello)), password)
	add(false, 111, "PASS secret\r\n")
	add(true, server+uint32(len(hello+password)), welcome)
	add(false, 124, "PASV\r\n")
	add(true, server+uint32(len(hello+password+welcome)), reply)
	return append(all, sent{at + .2, segment(host, announced, port+1, 51210, 7, 0, syn, "")})
}

// dnsQuery requests www.netflix.com; dnsAnswer is 198.51.100.1, for 300 s (RFC 1035 §4)
const (
	dnsName   = "\x03www\x07netflix\x03com\x00"
	dnsQuery  = "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00" + dnsName + "\x00\x01\x00\x01"
	dnsAnswer = "\x12\x34\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00" + dnsName + "\x00\x01\x00\x01" +
		"\xc0\x0c\x00\x01\x00\x01\x00\x00\x01\x2c\x00\x04\xc6\x33\x64\x01"
)

func lookup(at float64, port uint16) []sent {
	return []sent{
		{at, udp(host, "192.0.2.53", port, 53, dnsQuery)},
		{at + .01, udp("192.0.2.53", host, 53, port, dnsAnswer)},
	}
}

// play runs packets through n workers. summary has a line for each flow: ends, packets of each, protocol and method,
// host, application.
func play(t *testing.T, n int, packets []sent) (summary []string, records []byte) {
	t.Helper()
	p := engine.NewPipeline(config(t), n, 0, func(f *record.Flow) error {
		records = append(f.AppendJSON(records), '\n')
		line := fmt.Sprintf("%v>%v %d/%d %s %s", f.Client.Addr, f.Server.Addr, f.Client.Packets, f.Server.Packets,
			f.Protocol, f.Method)
		if len(f.Hostname) > 0 {
			line += " " + string(f.Hostname)
		}
		if f.Application != "" {
			line += " " + f.Application + " " + f.ApplicationMethod.String()
		}
		summary = append(summary, line+" "+f.EndReason.String())
		return nil
	})
	for _, s := range packets {
		p.Frame(&engine.Frame{Data: s.bytes, Length: len(s.bytes), Time: int64(s.at * 1e9), Link: packet.LinkRaw})
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	return summary, records
}

func join(parts ...[]sent) (all []sent) {
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

func TestCases(t *testing.T) {
	const unknownPort = 40001
	ping := func(at float64) sent { return sent{at, udp(host, web, 50000, unknownPort, "x")} }
	for _, c := range []struct {
		name    string
		packets []sent
		want    []string
	}{
		{"one request", request(1000, 40000, 1, "a.example"),
			[]string{"10.0.0.9:40000>198.51.100.1:80 2/2 http dpi a.example shutdown"}},
		{"the same ports again after both FINs", join(request(1000, 40000, 1, "a.example"), []sent{
			{1001, segment(host, web, 40000, 80, 60, 1, fin|ack, "")},
			{1001, segment(web, host, 80, 40000, 6000, 1, fin|ack, "")},
		}, request(1002, 40000, 900_000, "b.example")), []string{
			"10.0.0.9:40000>198.51.100.1:80 3/3 http dpi a.example closed",
			"10.0.0.9:40000>198.51.100.1:80 2/2 http dpi b.example shutdown"}},
		{"the same ports again after one FIN", join(request(1000, 40000, 1, "a.example"), []sent{
			{1001, segment(web, host, 80, 40000, 6000, 1, fin|ack, "")},
		}, request(1002, 40000, 900_000, "b.example")), []string{
			"10.0.0.9:40000>198.51.100.1:80 2/3 http dpi a.example closed",
			"10.0.0.9:40000>198.51.100.1:80 2/2 http dpi b.example shutdown"}},
		{"a clock that steps back by an hour in mid-flow", join(request(5000, 40000, 1, "a.example"), []sent{
			{1400, segment(host, web, 40000, 80, 50, 5039, psh|ack, "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")},
			{1401, segment(web, host, 80, 40000, 5039, 100, fin|ack, "")},
			{1401.1, segment(host, web, 40000, 80, 100, 5040, fin|ack, "")},
		}), []string{"10.0.0.9:40000>198.51.100.1:80 4/3 http dpi a.example closed"}},
		{"a clock that steps back by 40 s after a connection's end", join(request(5000, 40000, 1, "a.example"), []sent{
			{5001, segment(web, host, 80, 40000, 5039, 50, fin|ack, "")},
			{5001.1, segment(host, web, 40000, 80, 50, 5040, fin|ack, "")},
			{4961, segment(web, host, 80, 40000, 5040, 51, ack, "")},
		}), []string{"10.0.0.9:40000>198.51.100.1:80 3/4 http dpi a.example closed"}},
		{"one frame with a bogus time", join(request(5000, 40000, 1, "a.example"), []sent{
			{0, segment(host, web, 40000, 80, 50, 5039, ack, "")},
			{5000.1, segment(web, host, 80, 40000, 5039, 50, ack, "")},
		}), []string{"10.0.0.9:40000>198.51.100.1:80 3/3 http dpi a.example shutdown"}},
		{"the same ports again after a long silence", join(request(1000, 40000, 1, "a.example"),
			request(1100, 40000, 900_000, "b.example")), []string{
			"10.0.0.9:40000>198.51.100.1:80 2/2 http dpi a.example idle",
			"10.0.0.9:40000>198.51.100.1:80 2/2 http dpi b.example shutdown"}},
		{"a forged SYN in a busy connection splits nothing", join(request(1000, 40000, 1, "a.example"), []sent{
			{1001, segment(host, web, 40000, 80, 777_777, 0, syn, "")},
		}), []string{"10.0.0.9:40000>198.51.100.1:80 3/2 http dpi a.example shutdown"}},
		{"a SYN sent again", join(request(1000, 40000, 1, "a.example")[:1], request(1001, 40000, 1, "a.example")),
			[]string{"10.0.0.9:40000>198.51.100.1:80 3/2 http dpi a.example shutdown"}},
		{"a stray FIN before the SYN", join([]sent{{999, segment(web, host, 80, 40000, 9, 9, fin|ack, "")}},
			request(1000, 40000, 1, "a.example")), []string{
			"10.0.0.9:40000>198.51.100.1:80 0/1 http port idle",
			"10.0.0.9:40000>198.51.100.1:80 2/2 http dpi a.example shutdown"}},
		{"a forged RST, and the connection goes on", join(request(1000, 40000, 1, "a.example"), []sent{
			{1001, segment(host, web, 40000, 80, 99_999_999, 0, rst, "")},
			{1002, segment(host, web, 40000, 80, 60, 0, ack, "more")},
			{1040, segment(host, web, 40000, 80, 64, 0, ack, "and more")},
		}), []string{"10.0.0.9:40000>198.51.100.1:80 5/2 http dpi a.example shutdown"}},
		{"a reset", join(request(1000, 40000, 1, "a.example"),
			[]sent{{1001, segment(web, host, 80, 40000, 6000, 0, rst, "")}, ping(1100)}), []string{
			"10.0.0.9:40000>198.51.100.1:80 2/3 http dpi a.example reset",
			"10.0.0.9:50000>198.51.100.1:40001 1/0  none shutdown"}},
		{"whoever speaks to a group is the client", []sent{
			{1000, udp(host, "239.1.1.1", 500, 5004, "abc")}, {1000, udp(host, "255.255.255.255", 1900, 40000, "abc")},
		}, []string{"10.0.0.9:500>239.1.1.1:5004 1/0  none shutdown", "10.0.0.9:1900>255.255.255.255:40000 1/0  " +
			"none shutdown"}},
		{"a sure client's port is no guess", []sent{{1000, segment(host, web, 3389, 50003, 1, 0, syn, "")}},
			[]string{"10.0.0.9:3389>198.51.100.1:50003 1/0  none shutdown"}},
		{"from the server's answer", []sent{{1000, segment(web, host, 50003, 40000, 1, 8, syn|ack, "")}},
			[]string{"10.0.0.9:40000>198.51.100.1:50003 0/1  none shutdown"}},
		{"time that begins at 0", []sent{ping(0), ping(100)}, []string{
			"10.0.0.9:50000>198.51.100.1:40001 1/0  none idle", "10.0.0.9:50000>198.51.100.1:40001 1/0  none " +
				"shutdown"}},
		{"time that jumps back", []sent{ping(5000), ping(4000), ping(4001)}, []string{
			"10.0.0.9:50000>198.51.100.1:40001 3/0  none shutdown"}},
		{"FTP's data channel", ftp(1000, 40000, web), []string{
			"10.0.0.9:40000>198.51.100.1:21 4/5 ftp dpi shutdown", "10.0.0.9:40001>198.51.100.1:51210 1/0 ftp-data " +
				"dpi shutdown"}},
		{"FTP's data channel, announced again later", join(ftp(1000, 40000, web), ftp(1200, 41000, web)[:9],
			ftp(1200, 40000, web)[9:]), []string{
			"10.0.0.9:40001>198.51.100.1:51210 1/0 ftp-data dpi idle",
			"10.0.0.9:40000>198.51.100.1:21 4/5 ftp dpi shutdown",
			"10.0.0.9:41000>198.51.100.1:21 4/5 ftp dpi shutdown",
			"10.0.0.9:40001>198.51.100.1:51210 1/0 ftp-data dpi shutdown"}},
		{"FTP that announces a third host", ftp(1000, 40000, "203.0.113.5"), []string{
			"10.0.0.9:40000>198.51.100.1:21 4/5 ftp dpi shutdown", "10.0.0.9:40001>203.0.113.5:51210 1/0  none " +
				"shutdown"}},
		{"a DNS name for a flow", join(lookup(1000, 50001), []sent{{1001, udp(host, web, 50002, 443, "\x40\x11")}}),
			[]string{
				"10.0.0.9:50001>192.0.2.53:53 1/1 dns dpi www.netflix.com netflix host shutdown",
				"10.0.0.9:50002>198.51.100.1:443 1/0 quic port www.netflix.com netflix dns shutdown"}},
		{"a DNS name looked up again while the flow lives", join(lookup(1000, 50001),
			[]sent{{1001, udp(host, web, 50002, 443, "\x40\x11")}}, lookup(1030, 50003)), []string{
			"10.0.0.9:50001>192.0.2.53:53 1/1 dns dpi www.netflix.com netflix host shutdown",
			"10.0.0.9:50002>198.51.100.1:443 1/0 quic port www.netflix.com netflix dns shutdown",
			"10.0.0.9:50003>192.0.2.53:53 1/1 dns dpi www.netflix.com netflix host shutdown"}},
		{"a DNS name looked up after the flow began", join([]sent{{999, udp(host, web, 50002, 443, "\x40\x11")}},
			lookup(1000, 50001)), []string{
			"10.0.0.9:50002>198.51.100.1:443 1/0 quic port shutdown",
			"10.0.0.9:50001>192.0.2.53:53 1/1 dns dpi www.netflix.com netflix host shutdown"}},
		{"equal addresses in two networks", []sent{
			{1000, vxlan(1, udp("10.1.1.1", "10.1.1.2", 50000, unknownPort, "x"))},
			{1000, vxlan(2, udp("10.1.1.1", "10.1.1.2", 50000, unknownPort, "x"))},
		}, []string{
			"192.0.2.1:50000>192.0.2.2:4789 2/0 vxlan dpi shutdown",
			"10.1.1.1:50000>10.1.1.2:40001 1/0  none shutdown", "10.1.1.1:50000>10.1.1.2:40001 1/0  none shutdown"}},
		{"one flow over two tunnels", []sent{
			{1000, gre("192.0.2.1", "203.0.113.1", udp("10.1.1.1", "10.1.1.2", 50000, unknownPort, "x"))},
			{1000, gre("203.0.113.9", "192.0.2.1", udp("10.1.1.2", "10.1.1.1", unknownPort, 50000, "y"))},
		}, []string{
			"192.0.2.1:0>203.0.113.1:0 1/0 gre dpi shutdown", "10.1.1.1:50000>10.1.1.2:40001 1/1  none shutdown",
			"203.0.113.9:0>192.0.2.1:0 1/0 gre dpi shutdown"}},
		{"fragments, the last first", []sent{{1000, piece(9, 2, false)}, {1000, piece(9, 1, true)},
			{1000.1, piece(9, 0, true)}, {1000.2, piece(9, 3, false)}},
			[]string{"10.0.0.9:50000>198.51.100.1:40001 4/0  none shutdown"}},
		{"fragments of two datagrams, mixed", []sent{{1000, piece(9, 1, true)}, {1000, piece(8, 1, false)},
			{1000, piece(9, 2, false)}, {1000, piece(8, 0, true)}, {1000, piece(9, 0, true)}},
			[]string{"10.0.0.9:50000>198.51.100.1:40001 5/0  none shutdown"}},
		{"fragments without a first", []sent{{1000, piece(9, 2, false)}, {1000, piece(9, 1, true)}},
			[]string{"10.0.0.9:0>198.51.100.1:0 2/0  none shutdown"}},
		{"fragments whose first comes too late", []sent{{1000, piece(9, 2, false)}, {1000, piece(9, 1, true)},
			{1031, piece(9, 0, true)}},
			[]string{"10.0.0.9:0>198.51.100.1:0 2/0  none shutdown", "10.0.0.9:50000>198.51.100.1:40001 1/0  none " +
				"shutdown"}},
		{"two pings, and one from the other side, with one identifier", []sent{
			{1000, echo(host, web, 8, 7)}, {1000, echo(host, web, 8, 9)}, {1000, echo(web, host, 0, 7)},
			{1000, echo(web, host, 8, 7)},
			{1000, echo(web, host, 0, 9)}, {1000, echo(host, web, 0, 7)}, {1000, echo(host, web, 8, 9)},
		}, []string{
			"10.0.0.9:0>198.51.100.1:0 1/1 icmp dpi shutdown", "10.0.0.9:0>198.51.100.1:0 2/1 icmp dpi shutdown",
			"198.51.100.1:0>10.0.0.9:0 1/1 icmp dpi shutdown"}},
		{"a ping from its answer on", []sent{{1000, echo(web, host, 0, 7)}, {1000, echo(host, web, 8, 7)}},
			[]string{"10.0.0.9:0>198.51.100.1:0 1/1 icmp dpi shutdown"}},
		{"a ping of a group, answered by each", []sent{{1000, echo(host, "224.0.0.1", 8, 7)},
			{1000, echo(web, host, 0, 7)}},
			[]string{"10.0.0.9:0>224.0.0.1:0 1/0 icmp dpi shutdown", "10.0.0.9:0>198.51.100.1:0 0/1 icmp dpi " +
				"shutdown"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, records := play(t, 1, c.packets)
			if strings.Join(got, "\n") != strings.Join(c.want, "\n") {
				t.Errorf("got:\n  %s\nwant:\n  %s", strings.Join(got, "\n  "), strings.Join(c.want, "\n  "))
			}
			for _, workers := range []int{2, 4} {
				if _, other := play(t, workers, c.packets); !bytes.Equal(other, records) {
					t.Errorf("the records of %d workers\n%s\ndiffer from those of one\n%s", workers, other, records)
				}
			}
		})
	}
}

// TestUpdates: a live flow has one record as new, then updates when it had packets; its counts go on.
func TestUpdates(t *testing.T) {
	ping := func(at float64) sent { return sent{at, udp(host, web, 50000, 40001, "x")} }
	packets := join([]sent{ping(1000), ping(1014), ping(1016), ping(1055), ping(1062)},
		request(1063, 40000, 1, "a.example"), []sent{ping(1100)})
	const want = "40001 new 1 ,40001 update 3 ,40001 update 5 ,80 new 2 ,40001 end 6 shutdown,80 end 2 shutdown"
	wantRecords(t, func(c *engine.Config) { c.UpdateEvery = 15 * time.Second }, packets, func(f *record.Flow) string {
		return fmt.Sprintf("%d %s %d %s", f.Server.Addr.Port(), f.State, f.Client.Packets, f.EndReason)
	}, want)
}

// wantRecords compares all records of packets, each as line describes it, with one worker and with several.
func wantRecords(t *testing.T, change func(*engine.Config), packets []sent, line func(*record.Flow) string,
	want string) {
	t.Helper()
	for _, workers := range []int{1, 3} {
		var got []string
		c := config(t)
		change(&c)
		p := engine.NewPipeline(c, workers, 0, func(f *record.Flow) error {
			got = append(got, line(f))
			return nil
		})
		for _, s := range packets {
			p.Frame(&engine.Frame{Data: s.bytes, Length: len(s.bytes), Time: int64(s.at * 1e9), Link: packet.LinkRaw})
		}
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
		if strings.Join(got, ",") != want {
			t.Errorf("%d workers: got  %s\nwant %s", workers, strings.Join(got, ","), want)
		}
	}
}

// TestFollowed: while somebody follows, a flow has its first record when it is named, and others every five seconds.
func TestFollowed(t *testing.T) {
	unknown := func(at float64) sent { return sent{at, udp(host, web, 50000, 40001, "x")} }
	packets := join(request(1000, 40000, 1, "a.example"), []sent{unknown(1001), unknown(1002), unknown(1006)},
		[]sent{{1006, udp(host, web, 50001, 53, dnsQuery)}, unknown(1012)})
	const want = "80 new http,80 update http,40001 new ,40001 update ,53 new dns,80 end http,40001 end ,53 end dns"
	isFollowed := func(c *engine.Config) { c.IsFollowed = func() bool { return true } }
	wantRecords(t, isFollowed, packets, func(f *record.Flow) string {
		return fmt.Sprintf("%d %s %s", f.Server.Addr.Port(), f.State, f.Protocol)
	}, want)
}

// TestFollowedOrder: the records of each flow come as it went, also those of many flows at once.
func TestFollowedOrder(t *testing.T) {
	var packets []sent
	var want []string
	for i := range uint16(50) {
		packets = append(packets, request(1000, 40000+i, 1, "a.example")...)
		want = append(want, fmt.Sprintf("%d new", 40000+i), fmt.Sprintf("%d end", 40000+i))
	}
	isFollowed := func(c *engine.Config) { c.IsFollowed = func() bool { return true } }
	wantRecords(t, isFollowed, packets, func(f *record.Flow) string {
		return fmt.Sprintf("%d %s", f.Client.Addr.Port(), f.State)
	}, strings.Join(want, ","))
}

// TestFirstAndLastSeen: packets slightly out of order extend the flow's time.
func TestFirstAndLastSeen(t *testing.T) {
	ping := func(at float64) sent { return sent{at, udp(host, web, 50000, 40001, "x")} }
	_, records := play(t, 1, []sent{ping(1005), ping(1010), ping(1003)})
	for _, want := range []string{`"first_seen":"1970-01-01T00:16:43.`, `"last_seen":"1970-01-01T00:16:50.`} {
		if !bytes.Contains(records, []byte(want)) {
			t.Errorf("%s is missing in %s", want, records)
		}
	}
}

// TestManyInterfaces: interfaces beyond the range of Frame.Interface have no name, and no wrong one.
func TestManyInterfaces(t *testing.T) {
	name := "?"
	p := engine.NewPipeline(config(t), 1, 0, func(f *record.Flow) error { name = f.Interface; return nil })
	var number uint16
	for n := range 70_000 {
		number = p.AddInterface(fmt.Sprint("if", n))
	}
	if again := p.AddInterface("if7"); again != 7 {
		t.Errorf("if7 is number %d", again)
	}
	b := udp(host, web, 50000, 40001, "x")
	p.Frame(&engine.Frame{Data: b, Length: len(b), Link: packet.LinkRaw, Interface: number})
	if err := p.Close(); err != nil || name != "" {
		t.Errorf("the interface is %q (%v)", name, err)
	}
}

// TestMassIdle ends many flows at once, repeatedly: memory does not grow each time.
func TestMassIdle(t *testing.T) {
	for _, workers := range []int{1, 2} {
		p := engine.NewPipeline(config(t), workers, 0, func(*record.Flow) error { return nil })
		var first int64
		for round := range 8 {
			for n := range 50_000 {
				b := udp(fmt.Sprintf("10.%d.%d.%d", n%4, n>>8&255, n&255), web, uint16(n>>2|1024), 40001, "x")
				p.Frame(&engine.Frame{Data: b, Length: len(b), Link: packet.LinkRaw, Time: int64(1000+round*200) * 1e9})
			}
			if round == 1 {
				first = heap()
			}
		}
		if grown := heap() - first; grown > 16<<20 {
			t.Errorf("%d workers: memory grows by %d MiB", workers, grown>>20)
		}
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestPingRecord: a ping's two directions have the Community ID of the specification (tshark's), whichever comes first,
// and the record has the identifier as such, not as a port.
func TestPingRecord(t *testing.T) {
	const community, id = `"community_id":"1:X0snYXpgwiv9TZtqg64sgzUn6Dk="`, `"id":7`
	request, reply := sent{1000, echo("192.168.0.89", "192.168.0.1", 8, 7)},
		sent{1000, echo("192.168.0.1", "192.168.0.89", 0, 7)}
	for _, packets := range [][]sent{{request}, {reply}, {request, reply}, {reply, request}} {
		_, records := play(t, 1, packets)
		if !bytes.Contains(records, []byte(community)) || !bytes.Contains(records, []byte(id)) ||
			bytes.Contains(records, []byte(`"port"`)) {
			t.Errorf("%s", records)
		}
	}
}

// TestFramesInFrames: flows of packets in carried frames have the encapsulation, and networks are distinct; each frame
// of an 802.11 aggregate counts, and the aggregate is one frame.
func TestFramesInFrames(t *testing.T) {
	carried := "\x02\x00\x00\x00\x00\x02\x02\x00\x00\x00\x00\x01\x08\x00" + string(udp(host, web, 50000, 40001, "x"))
	outer := "\x02\x00\x00\x00\x00\x09\x02\x00\x00\x00\x00\x08"
	subframe := func(port uint16) string {
		msdu := "\xaa\xaa\x03\x00\x00\x00\x08\x00" + string(udp(host, web, port, 40001, "four"))
		return carried[:12] + "\x00" + string(rune(len(msdu))) + msdu + "\x00\x00" // the padding to 4 bytes
	}
	qos := "\x88\x01\x00\x00\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02\x02\x00\x00\x00\x00\x03\x00\x00\x80\x00"
	for _, c := range []struct {
		name   string
		link   packet.LinkType
		frames []string
		want   []string
	}{
		{"batman-adv", packet.LinkEthernet, []string{outer + "\x43\x05\x40\x0f\x32\x01\x02\x00\x00\x00\x00\x07" +
			carried}, []string{"50000 1 [batman-adv]"}},
		{"802.1ah", packet.LinkEthernet, []string{outer + "\x88\xe7\x00\x00\x00\x07" + carried, outer +
			"\x88\xe7\x00\x00\x00\x08" + carried},
			[]string{"50000 1 [pbb]", "50000 1 [pbb]"}},
		{"A-MSDU", packet.LinkIEEE80211, []string{qos + subframe(50001) + subframe(50002) + subframe(50001)},
			[]string{"50001 2 []", "50002 1 []"}},
	} {
		for _, workers := range []int{1, 3} {
			var got []string
			p := engine.NewPipeline(config(t), workers, 0, func(f *record.Flow) error {
				got = append(got, fmt.Sprintf("%d %d %v", f.Client.Addr.Port(), f.Client.Packets, f.Tunnels))
				return nil
			})
			for _, b := range c.frames {
				p.Frame(&engine.Frame{Data: []byte(b), Length: len(b), Time: 1e9, Link: c.link})
			}
			if err := p.Close(); err != nil {
				t.Fatal(err)
			}
			if strings.Join(got, "; ") != strings.Join(c.want, "; ") || p.Totals().Frames != uint64(len(c.frames)) {
				t.Errorf("%s, %d workers: %d frames, got %q, want %q", c.name, workers, p.Totals().Frames, got, c.want)
			}
		}
	}
}

// TestIgnoreVLAN: directions in different VLANs are one flow with IgnoreVLAN, else two.
func TestIgnoreVLAN(t *testing.T) {
	tagged := func(id byte, ip []byte) []byte {
		return append([]byte{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x81, 0, 0, id, 8, 0}, ip...)
	}
	for _, ignore := range []bool{true, false} {
		c := config(t)
		c.IgnoreVLAN = ignore
		var got []string
		p := engine.NewPipeline(c, 1, 0, func(f *record.Flow) error {
			got = append(got, fmt.Sprintf("%d %v", f.Client.Packets+f.Server.Packets, f.VLANs))
			return nil
		})
		for _, b := range [][]byte{tagged(10, udp(host, web, 50000, 40001, "x")),
			tagged(20, udp(web, host, 40001, 50000, "y"))} {
			p.Frame(&engine.Frame{Data: b, Length: len(b), Time: 1e9, Link: packet.LinkEthernet})
		}
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
		want := "1 [10]; 1 [20]"
		if ignore {
			want = "2 [10]"
		}
		if strings.Join(got, "; ") != want {
			t.Errorf("ignored %v: got %q, want %q", ignore, got, want)
		}
	}
}

// TestEarlyFragments has more fragments wait than fit: all are counted, the oldest ones without ports.
func TestEarlyFragments(t *testing.T) {
	const n, room = 1500, 1024
	var packets []sent
	for _, place := range []byte{1, 0} {
		for i := range n {
			b := piece(byte(i), place, place == 0)
			b[4] = byte(i >> 8)
			packets = append(packets, sent{1000, b})
		}
	}
	for _, workers := range []int{1, 2} {
		got, _ := play(t, workers, packets)
		want := []string{
			fmt.Sprintf("10.0.0.9:0>198.51.100.1:0 %d/0  none shutdown", n-room),
			fmt.Sprintf("10.0.0.9:50000>198.51.100.1:40001 %d/0  none shutdown", n+room),
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%d workers: %q, want %q", workers, got, want)
		}
	}
}
