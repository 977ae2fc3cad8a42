// SPDX-License-Identifier: Apache-2.0

package dissecttest

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/weirnet/weir/internal/dissect"
)

// WantProtocol fails unless the whole table names the talk's protocol so (no other dissector may take it), and the
// metadata holds each of the members ("\"command\":\"get\"").
func WantProtocol(t *testing.T, all *dissect.Table, k Talk, protocol string, members ...string) Heard {
	t.Helper()
	h := Listen(t, all, k)
	if h.Protocol != protocol {
		t.Errorf("protocol %q, want %q (outcome %d after %d messages)", h.Protocol, protocol, h.Outcome, h.Messages)
	}
	for _, m := range members {
		if !strings.Contains(h.Info, m) {
			t.Errorf("metadata lacks %s: %s", m, h.Info)
		}
	}
	return h
}

// WantNot fails if the whole table gives the talk that name.
func WantNot(t *testing.T, all *dissect.Table, k Talk, protocol string) {
	t.Helper()
	if h := Listen(t, all, k); h.Protocol == protocol {
		t.Errorf("named %q, which it isn't: %s", protocol, h.Info)
	}
}

// TryTruncations feeds every cut of every message of the talk: none may panic (Listen fails on a panic), and a
// conversation cut within its first message before minimum bytes must stay without that name.
func TryTruncations(t *testing.T, all *dissect.Table, protocol string, k Talk, minimum int) {
	t.Helper()
	table := onlyTable(t, all, protocol)
	for i := range k.Says {
		for n := range k.Says[i].Bytes {
			cut := k
			cut.Says = slices.Clone(k.Says[:i+1])
			cut.Says[i].Bytes = k.Says[i].Bytes[:n]
			h := Listen(t, table, cut)
			if i == 0 && n < minimum && h.Protocol != "" {
				t.Errorf("named %q after %d bytes, want at least %d", h.Protocol, n, minimum)
			}
		}
	}
}

// WantNoAllocations fails if the talk allocates in a used pool.
func WantNoAllocations(t *testing.T, all *dissect.Table, protocol string, k Talk) {
	t.Helper()
	table, pool := onlyTable(t, all, protocol), dissect.NewPool()
	flow := &dissect.Flow{Transport: k.Over, IPProtocol: k.IPProtocol, Client: netip.MustParseAddrPort(
		"192.0.2.1:49152"),
		Server: netip.AddrPortFrom(netip.MustParseAddr("198.51.100.1"), k.ServerPort)}
	var seg dissect.Segment
	run := func() {
		s := pool.Get()
		seq := [2]uint32{1000, 5000}
		for _, m := range k.Says {
			way := dissect.Direction(m.FromClient)
			seg = dissect.Segment{Payload: m.Bytes, Length: len(m.Bytes), Seq: seq[way], FromClient: m.FromClient}
			seq[way] += uint32(len(m.Bytes))
			if o, _ := s.Feed(table, pool, flow, &seg); o == dissect.Decided || o == dissect.Failed {
				break
			}
		}
		pool.Put(s)
	}
	run()
	if RaceEnabled {
		return // the race detector allocates; make test runs without it as well
	}
	if n := testing.AllocsPerRun(100, run); n != 0 {
		t.Errorf("%v allocations per conversation", n)
	}
}
