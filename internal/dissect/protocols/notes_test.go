// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/weirnet/weir/internal/dissect"
)

// dnsAsk is a query for names that repeats no label length (RFC 1035 §4.1).
func dnsAsk(id int, names ...string) []byte {
	b := []byte{byte(id >> 8), byte(id), 1, 0, 0, byte(len(names)), 0, 0, 0, 0, 0, 0}
	for _, name := range names {
		for _, label := range strings.Split(name, ".") {
			b = append(append(b, byte(len(label))), label...)
		}
		b = append(b, 0, 0, 1, 0, 1)
	}
	return b
}

func behindLength(b []byte) []byte { return append([]byte{byte(len(b) >> 8), byte(len(b))}, b...) }

// askedNames returns the metadata's names, and the number of omitted ones.
func askedNames(t *testing.T, info string) (names []string, omitted int) {
	t.Helper()
	var m struct {
		DNS struct {
			Query   string
			Queries []string
			Omitted int `json:"queries_omitted"`
		}
	}
	if err := json.Unmarshal([]byte(info), &m); err != nil {
		t.Fatal(err)
	}
	if m.DNS.Queries == nil {
		return []string{m.DNS.Query}, 0
	}
	return m.DNS.Queries, m.DNS.Omitted
}

func manyNames(n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprintf("name%d.example.org", i))
	}
	return names
}

// TestNamesOfOneSocket: the record has all names that a flow queries, however many datagrams they take.
func TestNamesOfOneSocket(t *testing.T) {
	for _, c := range []struct {
		name string
		talk talk
		want []string
	}{
		{"one", udp(53, C(dnsAsk(1, "one.example.org")), C(dnsAsk(2, "One.example.ORG"))), []string{"one.example.org"}},
		{"three", udp(53, C(dnsAsk(1, "one.example.org")), C(dnsAsk(2, "two.example.org")),
			C(dnsAsk(3, "three.example.org"))),
			[]string{"one.example.org", "two.example.org", "three.example.org"}},
		{"after junk", udp(53, C("\r\n\r\n"), C(dnsAsk(1, "one.example.org")), C("junk"),
			C(dnsAsk(2, "two.example.org"))),
			[]string{"one.example.org", "two.example.org"}},
		{"several questions, mDNS", udp(5353, C(dnsAsk(0, "a.local", "b.local")), C(dnsAsk(0, "c.local"))),
			[]string{"a.local", "b.local", "c.local"}},
		{"LLMNR", udp(5355, C(dnsAsk(1, "printer")), C(dnsAsk(2, "scanner"))), []string{"printer", "scanner"}},
		{"TCP", tcp(53, C(behindLength(dnsAsk(1, "one.example.org"))), C(behindLength(dnsAsk(2, "two.example.org")))),
			[]string{"one.example.org", "two.example.org"}},
		{"TCP, in one segment",
			tcp(53, C(slices.Concat(behindLength(dnsAsk(1, "one.example.org")),
				behindLength(dnsAsk(2, "two.example.org"))))),
			[]string{"one.example.org", "two.example.org"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := listen(t, c.talk)
			if got, omitted := askedNames(t, h.Info); !slices.Equal(got, c.want) || omitted != 0 {
				t.Errorf("got %q, %d omitted; want %q", got, omitted, c.want)
			}
		})
	}
}

// TestManyNamesOfOneSocket: more names than the history has datagrams, up to the bounds; the record counts the missing
// ones.
func TestManyNamesOfOneSocket(t *testing.T) {
	for _, c := range []struct {
		port                          uint16
		datagrams, questions, omitted int
	}{{53, 40, 40, 0}, {53, 60, 60, 0}, {5353, 62, 300, 236}} {
		flow := &dissect.Flow{
			Transport: dissect.UDP, IPProtocol: 17, Client: netip.MustParseAddrPort("192.0.2.1:49152"),
			Server: netip.AddrPortFrom(netip.MustParseAddr("192.0.2.53"), c.port),
		}
		pool := dissect.NewPool()
		s := pool.Get()
		names, info, outcome := manyNames(c.questions), "", dissect.Undecided
		each := c.questions / c.datagrams
		for i := range c.datagrams {
			asked := names[i*each : (i+1)*each]
			if i == c.datagrams-1 {
				asked = names[i*each:]
			}
			b := dnsAsk(i, asked...)
			var r *dissect.Result
			if outcome, r = s.Feed(testTable, pool, flow, &dissect.Segment{Payload: b, Length: len(b), FromClient: true,
				Last: i >= 7}); r != nil {
				info = "{" + string(r.Info()) + "}"
			}
		}
		got, omitted := askedNames(t, info)
		if omitted < c.omitted || len(got)+omitted != c.questions || !slices.Equal(got, names[:len(got)]) {
			t.Errorf("%d questions in %d datagrams: %d names, %d omitted, outcome %d", c.questions, c.datagrams,
				len(got), omitted, outcome)
		}
		if (pool.Counters.NamesOmitted > 0) != (c.omitted > 0) {
			t.Errorf("%d questions: %d counted as omitted", c.questions, pool.Counters.NamesOmitted)
		}
		if len(info) > dissect.MaxInfo+2 {
			t.Errorf("metadata of %d bytes", len(info))
		}
		if pool.Put(s); pool.Buffered() != 0 {
			t.Errorf("%d bytes stayed lent", pool.Buffered())
		}
	}
}

// TestLongNamesOfOneSocket: names that escaping lengthens stay JSON and within MaxInfo.
func TestLongNamesOfOneSocket(t *testing.T) {
	says := []say{}
	for i := range 20 {
		label := strings.Repeat(string(rune(1+i)), 63)
		says = append(says, C(dnsAsk(i, label+"."+label+"."+label)))
	}
	if h := listen(t, udp(53, says...)); len(h.Info) > dissect.MaxInfo+2 { // listen checks that it is JSON
		t.Errorf("metadata of %d bytes", len(h.Info))
	}
}
