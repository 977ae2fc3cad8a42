// SPDX-License-Identifier: Apache-2.0

package conntrack

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/testing/lab/wait"
)

// TestBetween: a connection with both ends translated has a third name, of packets with only one end translated so far.
func TestBetween(t *testing.T) {
	table := NewTable(4096)
	c := masqueraded() // with the same server's end on both sides
	hairpin := c
	hairpin.ID = 99
	hairpin.Original = tcp("192.168.1.20:5000", "198.51.100.1:7000")
	hairpin.Reply = tcp("192.168.1.21:7001", "192.168.1.1:5000")
	table.Put(&c)
	table.Put(&hairpin)
	third := tcp("192.168.1.20:5000", "192.168.1.21:7001")
	for _, name := range []Tuple{third, {third.Dst, third.Src, third.Proto}, hairpin.Original, hairpin.Reply} {
		if f := find(t, table, name); f.ID != hairpin.ID || f.IsReply != (name == hairpin.Reply) {
			t.Errorf("%v: %+v", name, f)
		}
	}
	if len(table.index) != 5 {
		t.Errorf("%d names of two connections", len(table.index))
	}
	table.Drop(&hairpin)
	table.mu.Lock()
	for table.oldest < len(table.ended) {
		table.release()
	}
	table.mu.Unlock()
	if len(table.index) != 2 {
		t.Errorf("%d names of one connection", len(table.index))
	}
}

// TestFindDuring: the time finds each of several connections that had one name in turn.
func TestFindDuring(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := NewTable(4096)
		began := time.Now()
		const n, life, pause = 5, 20 * time.Second, 10 * time.Second
		var c Connection
		for i := range n {
			c = masqueraded()
			c.ID = uint32(i)
			table.Put(&c)
			wait.Pass(life)
			table.Drop(&c)
			wait.Pass(pause)
		}
		for _, name := range []Tuple{c.Original, c.Reply} {
			key, _ := name.Key()
			for i := range n {
				first := began.Add(time.Duration(i) * (life + pause))
				if f, ok := table.FindDuring(&key, first.Add(time.Second), first.Add(life-time.Second)); !ok ||
					f.ID != uint32(i) {
					t.Errorf("%d: %v, %+v", i, ok, f)
				}
				if f, ok := table.FindDuring(&key, first.Add(life+4*time.Second), first.Add(life+5*time.Second)); ok {
					t.Errorf("between %d and the next one: %+v", i, f)
				}
				if f, ok := table.FindID(&key, uint32(i)); !ok || f.ID != uint32(i) {
					t.Errorf("by identifier %d: %v, %+v", i, ok, f)
				}
			}
			if f, ok := table.FindDuring(&key, began, time.Now()); !ok || f.ID != 0 {
				t.Errorf("%+v is not the one that it began in", f)
			}
			if f, ok := table.FindDuring(&key, began.Add(life+pause), time.Now()); !ok || f.ID != 1 {
				t.Errorf("%+v is not the second one", f)
			}
			if _, ok := table.FindID(&key, n); ok {
				t.Error("one that never was is found")
			}
		}
	})
}

// TestForgottenInTheMiddle: a link goes down under masquerade, and the server's retransmissions to the gateway become a
// connection of their own. The flow belongs to the first; a flow that begins after it, however soon, to the second.
func TestForgottenInTheMiddle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := NewTable(4096)
		c := masqueraded()
		rest := Connection{Original: c.Reply, Reply: Tuple{c.Reply.Dst, c.Reply.Src, c.Reply.Proto}, ID: 77}
		key, _ := c.Reply.Key()
		began := time.Now()
		wait.Pass(50 * time.Millisecond) // for the event
		table.Put(&c)
		wait.Pass(4 * time.Second)
		table.Drop(&c)
		again := time.Now()
		wait.Pass(100 * time.Millisecond)
		for range 10 * maxChain { // the gateway resets each
			table.Put(&rest)
			wait.Pass(time.Millisecond)
			table.Drop(&rest)
		}
		table.Put(&rest)
		wait.Pass(time.Minute)
		for _, last := range []time.Time{began.Add(time.Second), again, time.Now()} {
			if f, ok := table.FindDuring(&key, began, last); !ok || f.ID != c.ID || !f.IsTranslated() {
				t.Errorf("to %v: %+v", last.Sub(began), f)
			}
		}
		for _, first := range []time.Time{again, again.Add(-100 * time.Millisecond), again.Add(10 * time.Second)} {
			if f, ok := table.FindDuring(&key, first, time.Now()); !ok || f.ID != rest.ID {
				t.Errorf("from %v: %+v", first.Sub(began), f)
			}
		}
	})
}

// TestForgottenAtOnce: the same just after the beginning, where the client's retransmissions stay unanswered.
func TestForgottenAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := NewTable(4096)
		c := masqueraded()
		again := c
		c.Status |= SeenReply
		again.ID, again.Status = 77, again.Status&^SeenReply
		key, _ := c.Original.Key()
		began := time.Now()
		wait.Pass(10 * time.Millisecond) // for the event
		table.Put(&c)
		wait.Pass(100 * time.Millisecond)
		table.Drop(&c)
		wait.Pass(100 * time.Millisecond)
		table.Put(&again)
		for _, isOver := range []bool{false, true} {
			if f, ok := table.FindDuring(&key, began, time.Now()); !ok || f.ID != c.ID {
				t.Errorf("%+v (the later one is over: %v)", f, isOver)
			}
			table.Drop(&again)
		}
	})
}

// TestRemembered: the table remembers a few ended connections longer than a flow can outlive them, many for six
// minutes.
func TestRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := NewTable(1 << 17)
		number := uint32(0)
		pass := func(n int) (last Connection) {
			for range n {
				number++
				last = masqueraded()
				last.ID = number
				last.Original.Src = netip.AddrPortFrom(
					netip.AddrFrom4([4]byte{10, byte(number >> 16), byte(number >> 8), byte(number)}), 4000)
				last.Reply.Dst = netip.AddrPortFrom(
					netip.AddrFrom4([4]byte{198, byte(51 + number>>16), byte(number >> 8), byte(number)}), 4000)
				table.Put(&last)
				table.Drop(&last)
			}
			return last
		}
		isKnown := func(c Connection) bool {
			key, _ := c.Original.Key()
			_, ok := table.Find(&key)
			return ok
		}
		first := pass(1)
		wait.Pass(20 * time.Minute)
		if pass(100); !isKnown(first) {
			t.Error("forgotten after 20 minutes")
		}
		wait.Pass(3 * time.Minute)
		if pass(1); isKnown(first) {
			t.Error("known after 23 minutes")
		}
		early := pass(1)
		pass(2 * few)
		if !isKnown(early) {
			t.Error("one of many is not remembered")
		}
		wait.Pass(table.memory)
		pass(1)
		if n := table.Counters().Ended; isKnown(early) || n > few {
			t.Errorf("%d are known after six minutes", n)
		}
	})
}

// TestChainReused: the table reuses the places of connections while names still lead to them.
func TestChainReused(t *testing.T) {
	table := NewTable(chunkSize)
	for i := range 20 * chunkSize {
		c := masqueraded()
		c.ID = uint32(i)
		c.Original.Src = netip.AddrPortFrom(c.Original.Src.Addr(), uint16(1000+i*7%13)) // few names, so long chains
		c.Reply.Dst = netip.AddrPortFrom(c.Reply.Dst.Addr(), uint16(1000+i*5%11))
		c.Original.Proto, c.Reply.Proto = packet.ProtoTCP, packet.ProtoTCP
		table.Put(&c)
		for _, name := range []Tuple{c.Original, c.Reply} {
			key, _ := name.Key()
			if f, ok := table.Find(&key); !ok || f.ID != c.ID {
				t.Fatalf("%d: %+v", i, f)
			}
			if f, ok := table.FindID(&key, uint32(i/2)); ok && f.ID != uint32(i/2) {
				t.Fatalf("%d: %+v", i, f)
			}
			_, _ = table.FindID(&key, ^uint32(0)) // searches the whole chain
		}
		table.Drop(&c)
	}
}
