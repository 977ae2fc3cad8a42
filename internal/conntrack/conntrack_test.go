// SPDX-License-Identifier: Apache-2.0

package conntrack

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"runtime"
	"testing"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/record"
)

func tcp(src, dst string) Tuple {
	return Tuple{netip.MustParseAddrPort(src), netip.MustParseAddrPort(dst), packet.ProtoTCP}
}

// masqueraded returns a connection as the kernel reports it.
func masqueraded() Connection {
	return Connection{
		Original: tcp("192.168.1.20:51324", "203.0.113.7:443"), Reply: tcp("203.0.113.7:443", "198.51.100.1:40112"),
		ID: 0x9c3f0b21, Mark: 7, Status: SeenReply | SourceNAT, Zone: 5, Packets: [2]uint64{12, 18},
		Bytes: [2]uint64{1840, 22011},
	}
}

// appendMessage encodes a connection as the kernel does (nf_conntrack_netlink.c, ctnetlink_fill_info).
func appendMessage(b []byte, c *Connection, kind int, flags uint16) []byte {
	e := netlink.NewAttributeEncoder()
	e.ByteOrder = binary.BigEndian
	tuple := func(t Tuple) func(*netlink.AttributeEncoder) error {
		return func(e *netlink.AttributeEncoder) error {
			src, dst := uint16(1), uint16(2) // CTA_IP_V4_SRC, _DST
			if t.Src.Addr().Is6() {
				src, dst = 3, 4
			}
			e.Nested(1, func(e *netlink.AttributeEncoder) error {
				e.Bytes(src, t.Src.Addr().AsSlice())
				e.Bytes(dst, t.Dst.Addr().AsSlice())
				return nil
			})
			e.Nested(2, func(e *netlink.AttributeEncoder) error {
				e.ByteOrder = binary.BigEndian
				e.Uint8(1, t.Proto)
				if isICMP(t.Proto) {
					kind := uint16(4) // CTA_PROTO_ICMP_ID, _TYPE, _CODE
					if t.Proto == packet.ProtoICMPv6 {
						kind = 7
					}
					id, icmpType := t.Src.Port(), uint8(t.Dst.Port()>>8)
					if icmpType == 0 { // the answer's
						id, icmpType = t.Dst.Port(), uint8(t.Src.Port()>>8)+1
						if t.Proto == packet.ProtoICMP {
							icmpType = 0
						}
					}
					e.Uint16(kind, id)
					e.Uint8(kind+1, icmpType)
					e.Uint8(kind+2, 0)
					return nil
				}
				e.Uint16(2, t.Src.Port())
				e.Uint16(3, t.Dst.Port())
				return nil
			})
			return nil
		}
	}
	e.Nested(1, tuple(c.Original))
	e.Nested(2, tuple(c.Reply))
	e.Uint32(3, uint32(c.Status))
	e.Uint32(8, c.Mark)
	e.Uint32(12, c.ID)
	e.Uint16(18, c.Zone)
	for way := range 2 {
		e.Nested(uint16(9+way), func(e *netlink.AttributeEncoder) error {
			e.ByteOrder = binary.BigEndian
			e.Uint64(1, c.Packets[way])
			e.Uint64(2, c.Bytes[way])
			return nil
		})
	}
	attributes, err := e.Encode()
	if err != nil {
		panic(err)
	}
	start := len(b)
	b = append(b, make([]byte, unix.SizeofNlMsghdr)...)
	binary.NativeEndian.PutUint16(b[start+4:], uint16(unix.NFNL_SUBSYS_CTNETLINK<<8|kind))
	binary.NativeEndian.PutUint16(b[start+6:], flags)
	b = append(append(b, unix.AF_INET, 0, 0, 0), attributes...)
	binary.NativeEndian.PutUint32(b[start:], uint32(len(b)-start))
	return b
}

func TestNext(t *testing.T) {
	six := masqueraded()
	six.Original, six.Reply = tcp("[2001:db8:1::20]:51324", "[2001:db8:2::7]:443"),
		tcp("[2001:db8:2::7]:443", "[2001:db8:3::1]:40112")
	ping := masqueraded()
	ping.Original = Tuple{netip.MustParseAddrPort("192.168.1.20:77"), netip.MustParseAddrPort("203.0.113.7:2048"),
		packet.ProtoICMP}
	ping.Reply = Tuple{netip.MustParseAddrPort("203.0.113.7:2048"), netip.MustParseAddrPort("198.51.100.1:78"),
		packet.ProtoICMP}
	ping6 := masqueraded()
	ping6.Original = Tuple{netip.MustParseAddrPort("[2001:db8:1::20]:77"), netip.MustParseAddrPort(
		"[2001:db8:2::7]:32768"), packet.ProtoICMPv6}
	ping6.Reply = Tuple{netip.MustParseAddrPort("[2001:db8:2::7]:32768"), netip.MustParseAddrPort("[2001:db8:3::1]:78"),
		packet.ProtoICMPv6}
	for i, want := range []Connection{masqueraded(), six, ping, ping6} {
		var messages []byte
		for _, m := range []struct {
			kind  int
			flags uint16
		}{{messageNew, unix.NLM_F_CREATE | unix.NLM_F_EXCL}, {messageNew, 0},
			{messageNew, unix.NLM_F_MULTI | unix.NLM_F_CREATE}, {messageDelete, 0}} {
			messages = appendMessage(messages, &want, m.kind, m.flags)
		}
		done := make([]byte, unix.SizeofNlMsghdr)
		binary.NativeEndian.PutUint32(done, uint32(len(done)))
		binary.NativeEndian.PutUint16(done[4:], unix.NLMSG_DONE)
		messages = append(messages, done...)
		for _, what := range []kind{created, updated, updated, destroyed, dumpEnded} {
			var got Connection
			var err error
			var is kind
			is, messages, err = next(messages, &got)
			if err != nil || is != what {
				t.Fatalf("%d: %d, %v; want %d", i, is, err, what)
			}
			if what != dumpEnded && got != want {
				t.Errorf("%d: got %+v\nwant %+v", i, got, want)
			}
		}
		if len(messages) > 0 {
			t.Errorf("%d: %d bytes are left", i, len(messages))
		}
	}
}

// TestTruncated: every truncation of a message is read safely.
func TestTruncated(t *testing.T) {
	c := masqueraded()
	whole := appendMessage(nil, &c, messageNew, 0)
	for n := range len(whole) {
		var got Connection
		if what, _, err := next(whole[:n:n], &got); err == nil {
			t.Errorf("%d of %d bytes: %d", n, len(whole), what)
		}
		cut := append([]byte(nil), whole[:n]...)
		if n < unix.SizeofNlMsghdr {
			continue
		}
		binary.NativeEndian.PutUint32(cut, uint32(n)) // a message whose header has this length
		if what, rest, err := next(cut, &got); err != nil || len(rest) > 0 || what == updated && n < len(whole) &&
			got == c {
			t.Errorf("%d bytes that say so: %d, %v, %+v", n, what, err, got)
		}
	}
}

func FuzzNext(f *testing.F) {
	c := masqueraded()
	f.Add(appendMessage(nil, &c, messageNew, 0))
	f.Add(appendMessage(appendMessage(nil, &c, messageNew, unix.NLM_F_CREATE), &c, messageDelete, 0))
	f.Fuzz(func(t *testing.T, b []byte) {
		table := NewTable(64)
		for len(b) > 0 {
			var c Connection
			what, rest, err := next(b, &c)
			if err != nil {
				return
			}
			if len(rest) >= len(b) {
				t.Fatal("nothing was read")
			}
			b = rest
			switch what {
			case created, updated:
				table.Put(&c)
				key, _ := c.Original.Key()
				if _, ok := table.Find(&key); !ok {
					t.Fatalf("%+v is not found", c)
				}
			case destroyed:
				table.Drop(&c)
			}
		}
	})
}

// find looks up a flow, and fails the test if it is unknown.
func find(t *testing.T, table *Table, flow Tuple) Found {
	t.Helper()
	key, _ := flow.Key()
	f, ok := table.Find(&key)
	if !ok {
		t.Fatalf("%v is not found", flow)
	}
	return f
}

func TestTable(t *testing.T) {
	table := NewTable(4096)
	c := masqueraded()
	table.Put(&c)
	c.Packets, c.Bytes = [2]uint64{}, [2]uint64{} // our programs count connections that are not offloaded
	for _, flow := range []Tuple{c.Original, {c.Original.Dst, c.Original.Src, packet.ProtoTCP}} {
		if f := find(t, table, flow); f.Connection != c || f.IsReply || f.Ended != 0 {
			t.Errorf("%+v", f)
		}
	}
	if f := find(t, table, c.Reply); f.Connection != c || !f.IsReply {
		t.Errorf("%+v", f)
	}
	if c.NAT() != record.SNAT || !c.IsTranslated() {
		t.Errorf("%q", c.NAT())
	}
	table.Drop(&c)
	if f := find(t, table, c.Reply); f.Ended == 0 {
		t.Error("it has not ended")
	}
	again := c
	again.ID++
	again.Reply.Dst = netip.MustParseAddrPort("198.51.100.1:40113")
	table.Put(&again)
	if f := find(t, table, c.Original); f.ID != again.ID || f.Ended != 0 {
		t.Errorf("%+v is not the newer one", f)
	}
	if f := find(t, table, c.Reply); f.ID != c.ID || f.Ended == 0 {
		t.Errorf("%+v is not the older one", f)
	}
	if n := table.Counters(); n.Connections != 1 || n.Ended != 1 {
		t.Errorf("%+v", n)
	}
}

// TestShared: packets of two hosts to a third by a protocol without ports share a reply tuple.
func TestShared(t *testing.T) {
	table := NewTable(4096)
	tunnel := func(host string, id uint32) *Connection {
		c := masqueraded()
		c.ID = id
		c.Original = Tuple{netip.MustParseAddrPort(host + ":0"), netip.MustParseAddrPort("203.0.113.7:0"),
			packet.ProtoGRE}
		c.Reply = Tuple{netip.MustParseAddrPort("203.0.113.7:0"), netip.MustParseAddrPort("198.51.100.1:0"),
			packet.ProtoGRE}
		return &c
	}
	a, b := tunnel("192.168.1.20", 1), tunnel("192.168.1.21", 2)
	table.Put(a)
	if find(t, table, a.Reply).IsShared {
		t.Error("shared by one")
	}
	table.Put(b)
	if !find(t, table, a.Reply).IsShared {
		t.Error("not shared by two")
	}
}

// TestPings: two hosts that ping a third, and two pings of one host, make a connection each.
func TestPings(t *testing.T) {
	table := NewTable(4096)
	ping := func(host string, id, outside int) *Connection {
		c := masqueraded()
		c.ID = uint32(outside)
		end := func(address string, port int) netip.AddrPort {
			return netip.AddrPortFrom(netip.MustParseAddr(address), uint16(port))
		}
		c.Original = Tuple{end(host, id), end("203.0.113.7", 8<<8), packet.ProtoICMP}
		c.Reply = Tuple{end("203.0.113.7", 8<<8), end("198.51.100.1", outside), packet.ProtoICMP}
		return &c
	}
	all := []*Connection{ping("192.168.1.20", 1, 1), ping("192.168.1.21", 1, 2), ping("192.168.1.20", 3, 3)}
	for _, c := range all {
		table.Put(c)
	}
	table.Drop(all[0])
	for i, c := range all {
		original, reply := find(t, table, c.Original), find(t, table, c.Reply)
		if original.ID != c.ID || reply.ID != c.ID || reply.IsShared || (original.Ended != 0) != (i == 0) {
			t.Errorf("%d: %+v, %+v", i, original, reply)
		}
	}
}

// TestListed: a connection that a dump omits has ended unnoticed, unless an event has named it since.
func TestListed(t *testing.T) {
	table := NewTable(4096)
	numbered := func(port uint16) Connection {
		c := masqueraded()
		c.ID = uint32(port)
		c.Original.Src = netip.AddrPortFrom(c.Original.Src.Addr(), port)
		c.Reply.Dst = netip.AddrPortFrom(c.Reply.Dst.Addr(), port)
		return c
	}
	gone, stays, fresh := numbered(1000), numbered(1001), numbered(1002)
	table.Put(&gone)
	table.Put(&stays)
	table.beginList()
	table.Put(&stays)
	table.Put(&fresh)
	table.endList()
	for c, over := range map[*Connection]bool{&gone: true, &stays: false, &fresh: false} {
		if f := find(t, table, c.Original); (f.Ended > 0) != over {
			t.Errorf("%d: ended %v", c.ID, f.Ended)
		}
	}
}

// TestFull: the table evicts ended connections, never live ones.
func TestFull(t *testing.T) {
	table := NewTable(2 * chunkSize)
	many := func(from, n int, f func(*Connection)) {
		for i := range n {
			c := masqueraded()
			c.ID = uint32(from + i)
			c.Original.Src = netip.AddrPortFrom(c.Original.Src.Addr(), uint16(from+i))
			c.Reply.Dst = netip.AddrPortFrom(c.Reply.Dst.Addr(), uint16(from+i))
			f(&c)
		}
	}
	put := func(c *Connection) { table.Put(c) }
	many(1000, chunkSize, put)
	many(1000, chunkSize, table.Drop)
	many(10000, 2*chunkSize, put)
	if n := table.Counters(); n.Connections != 2*chunkSize || n.Ended != 0 || n.Refused != 0 {
		t.Errorf("%+v", n)
	}
	many(20000, 10, put)
	if n := table.Counters(); n.Connections != 2*chunkSize || n.Refused != 10 {
		t.Errorf("%+v", n)
	}
	many(10000, 2*chunkSize, func(c *Connection) { find(t, table, c.Reply) })
	if len(table.index) != 4*chunkSize {
		t.Errorf("%d names", len(table.index))
	}
}

// TestMemory: a connection that is translated, and so has two names, takes at most 200 bytes.
func TestMemory(t *testing.T) {
	const n = 200_000
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	table := NewTable(n + chunkSize)
	for i := range n {
		c := masqueraded()
		c.ID = uint32(i)
		c.Original.Src = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 4000)
		c.Reply.Dst = netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, byte(51 + i>>16), byte(i >> 8), byte(i)}), 4000)
		table.Put(&c)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if got := table.Counters().Connections; got != n {
		t.Fatalf("%d connections", got)
	}
	each := float64(after.HeapAlloc-before.HeapAlloc) / n
	t.Logf("%.0f bytes a connection", each)
	if each > 200 {
		t.Errorf("%.0f bytes a connection, 200 are the most", each)
	}
	runtime.KeepAlive(table)
}

func BenchmarkNext(b *testing.B) {
	c := masqueraded()
	message := appendMessage(nil, &c, messageNew, 0)
	table := NewTable(4096)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := next(message, &c); err != nil {
			b.Fatal(err)
		}
		table.Put(&c)
	}
}

func Example() {
	c := masqueraded()
	fmt.Println(c.NAT(), c.Original.Src, "is called", c.Reply.Dst)
	// Output: snat 192.168.1.20:51324 is called 198.51.100.1:40112
}
