// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/weirnet/weir/internal/dissect"
	"github.com/weirnet/weir/internal/dissect/dissecttest"
)

// odd are first datagrams that belong to no protocol.
var odd = []struct {
	name  string
	bytes []byte
}{
	{"zero bytes", make([]byte, 4)},
	{"one byte, RFC 3948 §2.3", []byte{0xff}},
	{"line ends, RFC 5626 §3.5.1", []byte("\r\n\r\n")},
	{"junk", unhex("e7 91 3c 5f 08 aa d3 60 7b 14 c9 8e 42 f5 21 b6")},
	{"text", []byte("hello there")},
}

// rtpRowTalk is one side's sequence of RTP packets.
func rtpRowTalk(from func(string) say) []say {
	says := []say{}
	for n := range 4 {
		says = append(says, from(string(unhex(fmt.Sprintf("80 00 %04x %08x 5f3759df", 1000+n, 160*n)))+
			string(make([]byte, 160))))
	}
	return says
}

func TestOddDatagramsFirst(t *testing.T) {
	query := unhex("1234 0100 0001 0000 0000 0000 03 777777 07 6578616d706c65 03 636f6d 00 0001 0001")
	answer := unhex("1234 8180 0001 0001 0000 0000 03 777777 07 6578616d706c65 03 636f6d 00 0001 0001 c00c 0001 0001 " +
		"0000003c 0004 c0000201")
	rtps := unhex("52545053 0203 0101 000102030405060708090a0b 0e010c00 000102030405060708090a0b")
	talks := []struct {
		protocol string
		talk     talk
	}{
		{"dns", udp(53, C(query), S(answer))},
		{"dns", udp(40000, C(query), S(answer))},
		{"rtp", udp(40002, rtpRowTalk(C[string])...)},
		{"rtp", udp(40002, rtpRowTalk(S[string])...)},
		{"rtps", udp(7410, C(rtps), C(rtps), C(rtps))},
		{"rtps", udp(7410, S(rtps), C(rtps))},
		{"rtps", udp(7410, C(rtps[:16]), C(rtps), C(rtps))},
	}
	for _, k := range talks {
		t.Run(k.protocol, func(t *testing.T) {
			wantProtocol(t, k.talk, k.protocol)
			for _, o := range odd {
				for _, before := range [][]say{{C(o.bytes)}, {S(o.bytes)}, {C(o.bytes), S(o.bytes)},
					{C(o.bytes), C(o.bytes), S(o.bytes)}} {
					with := k.talk
					with.Says = append(slices.Clone(before), k.talk.Says...)
					if h := listen(t, with); h.Protocol != k.protocol {
						t.Errorf("%d of %s first: protocol %q", len(before), o.name, h.Protocol)
					}
				}
			}
		})
	}
	if h := listen(t, udp(53, C("\r\n\r\n"), C(query), S(answer))); h.Host != "www.example.com" {
		t.Errorf("host %q", h.Host)
	}
	junk := odd[3].bytes
	if h := listen(t, udp(53, C(junk), C(junk), C(junk), C(query), S(answer))); h.Host != "www.example.com" {
		t.Errorf("host %q: the question is the one that was answered", h.Host)
	}
}

// TestKeepAliveBetween: keep-alives may precede the datagram that a dissector waits for.
func TestKeepAliveBetween(t *testing.T) {
	for _, o := range odd[:3] {
		says := []say{}
		for _, m := range rtpRowTalk(S[string]) {
			says = append(says, C(o.bytes), m)
		}
		wantProtocol(t, udp(40002, says...), "rtp")
	}
	for _, refuses := range []bool{true, false} {
		h := dissecttest.Listen(
			t, dissect.NewTable([]*dissect.Protocol{{Name: "rows", Over: dissect.UDP, Ports: []uint16{4},
				Inspect: func(c *dissect.Conversation, _ *dissect.Result) dissect.Verdict {
					row := 0
					for _, d := range c.Datagrams {
						if d.Payload[0] != 'x' {
							return moreIf(!refuses)
						}
						row++
					}
					if row == 3 {
						return dissect.Yes
					}
					return dissect.NeedMore
				}}}), udp(4, C("x"), S("\x00"), C("x"), S("\x00"), C("x")))
		if named := h.Protocol == "rows"; named != refuses {
			t.Errorf("named %v, where it refuses keep-alives: %v", named, refuses)
		}
	}
}

// TestLateClaims: after many foreign datagrams, one datagram names nothing, but a second one confirms it.
func TestLateClaims(t *testing.T) {
	table := dissect.NewTable([]*dissect.Protocol{
		{Name: "x", Over: dissect.UDP, Start: dissect.BytesOf('x'), Inspect: func(c *dissect.Conversation,
			r *dissect.Result) dissect.Verdict {
			if c.First()[0] != 'x' {
				return dissect.No
			}
			r.SetHost(c.First())
			return dissect.Yes
		}},
		{Name: "y", Over: dissect.UDP, Start: dissect.BytesOf('y'), Inspect: func(c *dissect.Conversation,
			r *dissect.Result) dissect.Verdict {
			return verdictIf(c.First()[0] == 'y')
		}},
	})
	for _, c := range []struct {
		name string
		says []say
		want string
		host string
	}{
		{"at once", []say{C("x1")}, "x", "x1"},
		{"second", []say{C("-"), C("x1")}, "x", "x1"},
		{"third", []say{C("-"), C("-"), C("x1")}, "", ""},
		{"third of the server's", []say{C("-"), C("-"), S("x1")}, "", ""},
		{"borne out", []say{C("-"), C("-"), C("x1"), C("x2")}, "x", "x1"},
		{"borne out by the other side", []say{C("-"), S("-"), C("x1"), S("x2")}, "x", "x1"},
		{"borne out later", []say{C("-"), S("-"), C("x1"), S("-"), C("\x00"), C("x2")}, "x", "x1"},
		{"another in between", []say{C("-"), C("-"), C("x1"), C("y1"), C("y2")}, "y", ""},
		{"keep-alives are no evidence against", []say{C("\r\n"), C("\x00\x00"), S("\xff"), C("x1")}, "x", "x1"},
		{"the budget ends", []say{C("-"), C("-"), C("-"), C("-"), C("-"), C("-"), C("x"), C("-"), C("x"), C("x")}, "",
			""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if h := dissecttest.Listen(t, table, udp(9, c.says...)); h.Protocol != c.want || h.Host != c.host {
				t.Errorf("protocol %q, host %q, want %q, %q", h.Protocol, h.Host, c.want, c.host)
			}
		})
	}
}

// TestOddDatagramCost: each unrecognised datagram costs a bounded number of calls, and none past the budget.
func TestOddDatagramCost(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	pool := dissect.NewPool()
	flow := dissect.Flow{Transport: dissect.UDP, Client: netip.MustParseAddrPort("192.0.2.1:50000"),
		Server: netip.MustParseAddrPort("198.51.100.1:50001")}
	const flows, budget = 2000, 8
	datagrams := 0
	for range flows {
		s := pool.Get()
		for n := range 64 {
			b := make([]byte, 20+random.IntN(200))
			for i := range b {
				b[i] = byte(random.Uint32())
			}
			before := pool.Counters.Inspections
			o, _ := s.Feed(testTable, pool, &flow, &dissect.Segment{Payload: b, Length: len(b), FromClient: n%2 == 0,
				Last: n+1 >= budget})
			datagrams++
			if cost := pool.Counters.Inspections - before; cost > 150 {
				t.Fatalf("%d calls for one datagram", cost)
			}
			if o == dissect.Failed {
				break
			}
		}
		pool.Put(s)
	}
	if mean := float64(pool.Counters.Inspections) / float64(datagrams); mean > 40 || datagrams > flows*(budget+2) {
		t.Errorf("%.1f calls for a datagram, %d datagrams of %d flows", mean, datagrams, flows)
	} else {
		t.Logf("%.1f calls for a datagram, %.2f datagrams a flow", mean, float64(datagrams)/flows)
	}
}
