// SPDX-License-Identifier: Apache-2.0

package confined

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weirnet/weir/internal/control"
	"github.com/weirnet/weir/internal/metric"
	"github.com/weirnet/weir/internal/record"
)

// eventOf is an event about a name.
func eventOf(t record.Types, name string) *record.Event {
	end := record.Endpoint{Addr: netip.MustParseAddrPort("192.0.2.1:53")}
	e := &record.Event{Type: t, Time: time.Now().UnixNano(), Client: end, Server: end,
		Content: fmt.Appendf(nil, `{"rrname":%q,"sni":%q,"hostname":%q}`, name, name, name)}
	copy(e.Flow[:], fmt.Sprintf("%032x", 1))
	return e
}

// TestFollowEvents: events come to those who ask for their type, by their filter, and are wanted only so long.
func TestFollowEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := testHub()
		f := h.enrichment.followers
		h.stats = &stats{every: 10 * time.Second, follow: f, measure: func(*Status) {}}
		if f.wants(record.TypeEvents | record.TypeFlow | record.TypeStats) {
			t.Error("somebody wants records")
		}
		all := follow(t, f, &control.Flows{Types: []string{"dns", "tls"}, Last: 9, Follow: true})
		some := follow(t, f, &control.Flows{Types: []string{"flow", "dns"}, Filter: "host:*.b.example", Follow: true})
		measured := follow(t, f, &control.Flows{Types: []string{"stats"}, Follow: true})
		if a := f.open(&control.Flows{Types: []string{"mail"}}); a.Error == "" {
			t.Error("mail is a type")
		}
		if f.wants(record.TypeHTTP) || !f.isFollowed() || !f.wants(record.TypeTLS) {
			t.Errorf("wanted: %v", record.Types(f.types.Load()))
		}
		_ = h.flow(host(3))
		for i, kind := range []record.Types{record.TypeDNS, record.TypeHTTP, record.TypeTLS} {
			for _, name := range []string{"a.example", "b.example"} {
				if err := h.event(eventOf(kind, fmt.Sprintf("%d.%s", i, name))); err != nil {
					t.Error(err)
				}
			}
		}
		status := Status{At: time.Now()}
		for range 25 {
			status.At, status.Elapsed = status.At.Add(time.Second), status.Elapsed+time.Second
			status.Counters[metric.Events] += 2
			now := status
			h.stats.second(&now)
		}
		f.end()
		subjects := func(lines []string) (names []string) {
			for _, line := range lines {
				var e record.Event
				if err := e.Read([]byte(line)); err != nil {
					t.Error(err)
				}
				names = append(names, e.Type.String()+" "+string(e.Subject()))
			}
			return names
		}
		got, want := subjects(hostsIn(t, all)), []string{"dns 0.a.example", "dns 0.b.example", "tls 2.a.example",
			"tls 2.b.example"}
		if !slices.Equal(got, want) {
			t.Errorf("%q", got)
		}
		if got := subjects(hostsIn(t, some)); !slices.Equal(got, []string{"dns 0.b.example"}) {
			t.Errorf("%q", got)
		}
		lines := hostsIn(t, measured)
		for _, line := range lines {
			var s record.Stats
			if err := s.Read([]byte(line)); err != nil || s.Seconds != 10 || len(s.Counters) != 1 ||
				s.Counters[0].More != 20 {
				t.Errorf("%v in %s", err, line)
			}
		}
		if len(lines) != 2 {
			t.Errorf("%d stats records:\n%s", len(lines), strings.Join(lines, "\n"))
		}
		synctest.Wait()
		if f.wants(record.TypeEvents | record.TypeStats) {
			t.Error("gone commands want events")
		}
	})
}
