// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"errors"
	"strings"
	"testing"

	"github.com/weirnet/weir/internal/filter"
	"github.com/weirnet/weir/internal/sink/store"
)

// filters: each field selects what its comparison says, in sums and in flows alike.
func filters(t *testing.T, open Open) {
	g := NewGateway(1, 21, 1000)
	g.IsConstant = true // then the properties of a flow and those of its intervals are the same
	for range 12 {
		g.Step()
	}
	s := open(t)
	ingest(t, s, g.Reports...)
	m := newModel(t, g.Reports)
	is := func(f filter.Field, op filter.Op, value string) filter.Expr {
		return filter.Compare{Field: f, Op: op, Value: value}
	}
	key := func(by store.Dimension, value string) func(*piece) bool {
		return func(p *piece) bool { return p.keys[by] == value }
	}
	youtube, port := key(store.ByApplication, "youtube"), key(store.ByPort, "443")
	germany, example := key(store.ByCountry, "DE"), key(store.ByASN, "64500")
	for name, test := range map[string]struct {
		filter filter.Expr
		match  func(*piece) bool
	}{
		"nothing":     {nil, func(*piece) bool { return true }},
		"app":         {is(filter.Application, filter.Equal, "youtube"), youtube},
		"not app":     {is(filter.Application, filter.NotEqual, "youtube"), func(p *piece) bool { return !youtube(p) }},
		"proto":       {is(filter.Protocol, filter.Equal, "ssh"), key(store.ByProtocol, "ssh")},
		"category":    {is(filter.Category, filter.Equal, "video"), key(store.ByCategory, "video")},
		"device":      {is(filter.Device, filter.Equal, "02:00:00:00:00:07"), key(store.ByDevice, "02:00:00:00:00:07")},
		"host":        {is(filter.Host, filter.Equal, "wikipedia.org"), key(store.ByHost, "wikipedia.org")},
		"direction":   {is(filter.Direction, filter.Equal, "inbound"), key(store.ByDirection, "inbound")},
		"agent":       {is(filter.Agent, filter.Equal, g.ID), func(*piece) bool { return true }},
		"other agent": {is(filter.Agent, filter.NotEqual, g.ID), func(*piece) bool { return false }},
		"port":        {is(filter.Port, filter.Equal, "443"), port},
		"port above": {is(filter.Port, filter.Greater, "443"),
			func(p *piece) bool { return p.keys[store.ByPort] == "8443" }},
		"port below": {is(filter.Port, filter.Less, "443"),
			func(p *piece) bool { return p.keys[store.ByPort] == "53" || p.keys[store.ByPort] == "22" }},
		"net": {is(filter.Network, filter.Equal, "203.0.1.0/24"), key(store.ByNetwork, "203.0.1.0/24")},
		"net under": {is(filter.Network, filter.Under, "203.0.0.0/22"),
			func(p *piece) bool { return p.keys[store.ByNetwork] <= "203.0.3.0/24" && isUnder(p, "203.0.") }},
		"below a host": {is(filter.Host, filter.Under, "wikipedia.org"), func(p *piece) bool {
			return p.keys[store.ByHost] == "wikipedia.org" || strings.HasSuffix(p.keys[store.ByHost], ".wikipedia.org")
		}},
		"like is no pattern": {is(filter.Host, filter.Under, "%"), func(*piece) bool { return false }},
		"quotes":             {is(filter.Host, filter.Equal, `' OR 1=1 --`), func(*piece) bool { return false }},
		"transport": {is(filter.Transport, filter.Equal, "udp"),
			func(p *piece) bool { return p.last.IPProto == "udp" }},
		"method": {is(filter.Method, filter.Equal, "none"),
			func(p *piece) bool { return p.last.Method == "none" }},
		"side": {is(filter.Side, filter.Equal, "wan"),
			func(p *piece) bool { return p.last.Client.Side == "wan" || p.last.Server.Side == "wan" }},
		"no such side": {is(filter.Side, filter.NotEqual, "unknown"),
			func(p *piece) bool { return p.last.Client.Side != "" && p.last.Server.Side != "" }},
		"risk": {is(filter.Risk, filter.Equal, "tls-missing-sni"),
			func(p *piece) bool { return len(p.last.Risks) > 0 }},
		"no risk": {is(filter.Risk, filter.NotEqual, "tls-missing-sni"),
			func(p *piece) bool { return len(p.last.Risks) == 0 }},
		"address": {is(filter.Address, filter.Equal, "192.168.1.7"), func(p *piece) bool {
			return p.last.Client.IP == "192.168.1.7" || p.last.Server.IP == "192.168.1.7"
		}},
		"other address": {is(filter.Address, filter.NotEqual, "192.168.1.7"), func(p *piece) bool {
			return p.last.Client.IP != "192.168.1.7" && p.last.Server.IP != "192.168.1.7"
		}},
		"address under": {is(filter.Address, filter.Under, "2001:db8::/32"),
			func(p *piece) bool { return strings.Contains(p.last.Client.IP, ":") }},
		"all addresses": {is(filter.Address, filter.Under, "0.0.0.0/0"),
			func(p *piece) bool { return !strings.Contains(p.last.Client.IP, ":") }},
		"bytes": {is(filter.Bytes, filter.Greater, "20000"),
			func(p *piece) bool { return p.last.Client.Bytes+p.last.Server.Bytes > 20000 }},
		"country":       {is(filter.Country, filter.Equal, "DE"), key(store.ByCountry, "DE")},
		"no country":    {is(filter.Country, filter.Equal, ""), key(store.ByCountry, "")},
		"other country": {is(filter.Country, filter.NotEqual, "DE"), func(p *piece) bool { return !germany(p) }},
		"asn":           {is(filter.ASN, filter.Equal, "64501"), key(store.ByASN, "64501")},
		"half an asn":   {is(filter.ASN, filter.Equal, "645"), func(*piece) bool { return false }},
		"asn by name":   {is(filter.ASN, filter.Equal, "@example ltd."), key(store.ByASN, "64500")},
		"not that name": {is(filter.ASN, filter.NotEqual, "@Example Ltd."), func(p *piece) bool { return !example(p) }},
		"no asn":        {is(filter.ASN, filter.Equal, ""), key(store.ByASN, "")},
		"process": {is(filter.Process, filter.Equal, "curl"),
			func(p *piece) bool { return p.last.Process != nil && p.last.Process.Name == "curl" }},
		"executable": {is(filter.Process, filter.Equal, "/usr/sbin/nginx"),
			func(p *piece) bool { return p.last.Process != nil && p.last.Process.Name == "nginx" }},
		"no process": {is(filter.Process, filter.Equal, ""),
			func(p *piece) bool { return p.last.Process == nil || p.last.Process.Name == "" }},
		"container": {is(filter.Container, filter.Equal, "0123456789ab"),
			func(p *piece) bool { return p.last.Process != nil && p.last.Process.Container != "" }},
		"retransmits": {is(filter.Retransmits, filter.Greater, "1"), func(p *piece) bool {
			return p.last.Client.Retransmits+p.last.Server.Retransmits > 1
		}},
		"out of order": {is(filter.OutOfOrder, filter.Equal, "1"),
			func(p *piece) bool { return p.last.Client.OutOfOrder+p.last.Server.OutOfOrder == 1 }},
		"resets": {is(filter.Resets, filter.NotEqual, "0"),
			func(p *piece) bool { return p.last.Client.Resets+p.last.Server.Resets != 0 }},
		"zero windows": {is(filter.ZeroWindows, filter.Less, "1"),
			func(p *piece) bool { return p.last.Client.ZeroWindows+p.last.Server.ZeroWindows < 1 }},
		"long round trip": {is(filter.RoundTrip, filter.Greater, "40ms"),
			func(p *piece) bool { return p.last.rtt() > 40_000 }},
		"short round trip": {is(filter.RoundTrip, filter.Less, "40ms"),
			func(p *piece) bool { return p.last.rtt() > 0 && p.last.rtt() < 40_000 }},
		"another round trip": {is(filter.RoundTrip, filter.NotEqual, "40ms"),
			func(p *piece) bool { return p.last.rtt() != 40_000 }},
		"and": {filter.And{is(filter.Application, filter.Equal, "youtube"), is(filter.Port, filter.Equal, "443")},
			func(p *piece) bool { return youtube(p) && port(p) }},
		"or": {filter.Or{is(filter.Application, filter.Equal, "youtube"), is(filter.Port, filter.Equal, "22")},
			func(p *piece) bool { return youtube(p) || p.keys[store.ByPort] == "22" }},
		"not": {filter.Not{Term: filter.Or{is(filter.Application, filter.Equal, "youtube"),
			is(filter.Transport, filter.Equal, "tcp")}},
			func(p *piece) bool { return !youtube(p) && p.last.IPProto != "tcp" }},
		"nothing of all": {filter.And{}, func(*piece) bool { return true }},
		"one of nothing": {filter.Or{}, func(*piece) bool { return false }},
	} {
		for _, by := range []store.Dimension{store.ByApplication, store.ByDevice, store.ByAgent} {
			rows, total := m.top(by, always.From, always.To, test.match)
			got, err := s.Top(t.Context(), &store.TopQuery{Range: always, By: by, Filter: test.filter, Limit: 1000})
			if err != nil || got.Total != total || len(got.Rows) != len(rows) {
				t.Errorf("%s, by %s: %+v, want %+v, %v", name, by, got, total, err)
				break
			}
			if by != store.ByAgent {
				continue
			}
			all := pages(t, s, store.FlowsQuery{Range: always, Filter: test.filter, Limit: 1000})
			if uint64(len(all)) != total.Flows {
				t.Errorf("%s: %d flows, want %d", name, len(all), total.Flows)
			}
		}
	}
	for _, e := range []filter.Expr{is(filter.RoundTrip, filter.Equal, "x"), is(filter.RoundTrip, filter.Under, "1s"),
		is(filter.Country, filter.Greater, "DE"), is(filter.ASN, filter.Less, "@x"),
		is(filter.Resets, filter.Equal, "x"), is("what", filter.Equal, "x"), is(filter.Port, filter.Equal, "x"),
		is(filter.Port, filter.Under, "1"), is(filter.Address, filter.Equal, "x"), is(filter.Bytes, filter.Equal, "-1"),
		is(filter.Address, filter.Less, "192.0.2.1"), is(filter.Application, filter.Greater, "x"),
		is(filter.Risk, filter.Under, "x"), is(filter.Side, filter.Less, "lan"), filter.And{is("", filter.Equal, "")}} {
		if _, err := s.Top(t.Context(), &store.TopQuery{Range: always, By: store.ByAgent, Filter: e,
			Limit: 1}); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%+v: %v", e, err)
		}
	}
}

func isUnder(p *piece, prefix string) bool { return strings.HasPrefix(p.keys[store.ByNetwork], prefix) }

// limits: what is past the limit is summed up, and the order is the one asked for.
func limits(t *testing.T, open Open) {
	g := NewGateway(1, 22, 1000)
	g.IsConstant = true // no count shrinks: sums of others are then those of their rows
	for range 12 {
		g.Step()
	}
	s := open(t)
	ingest(t, s, g.Reports...)
	for _, sort := range []string{"", "bytes", "packets", "flows"} {
		ask := func(limit int) *store.Top {
			t.Helper()
			top, err := s.Top(t.Context(), &store.TopQuery{Range: always, By: store.ByDevice, Limit: limit, Sort: sort})
			if err != nil {
				t.Fatal(err)
			}
			return top
		}
		all, some := ask(1000), ask(3)
		if len(some.Rows) != 3 || some.Total != all.Total || all.Other != (store.Sums{}) {
			t.Fatalf("sort %q: %+v", sort, some)
		}
		var other store.Sums
		for i, row := range all.Rows {
			if i < 3 && row != some.Rows[i] {
				t.Errorf("sort %q: row %d is %+v, want %+v", sort, i, some.Rows[i], row)
			}
			if i > 0 && measure(sort, all.Rows[i-1].Sums) < measure(sort, row.Sums) {
				t.Errorf("sort %q: row %d %+v after %+v", sort, i, row, all.Rows[i-1])
			}
			if i >= 3 {
				other.Flows += row.Flows
				other.UpBytes += row.UpBytes
				other.DownBytes += row.DownBytes
				other.Packets += row.Packets
			}
		}
		if some.Other != other {
			t.Errorf("sort %q: other %+v, want %+v", sort, some.Other, other)
		}
	}
	for _, q := range []store.TopQuery{{By: "x"}, {By: store.ByHost, Sort: "x"}, {}} {
		q.Range, q.Limit = always, 5
		if _, err := s.Top(t.Context(), &q); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%+v: %v", q, err)
		}
	}
}

func measure(sort string, s store.Sums) uint64 {
	switch sort {
	case "packets":
		return s.Packets
	case "flows":
		return s.Flows
	}
	return s.UpBytes + s.DownBytes
}
