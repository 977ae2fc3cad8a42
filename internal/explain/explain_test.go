// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weirnet/weir/internal/catalog"
	"github.com/weirnet/weir/internal/conntrack"
	"github.com/weirnet/weir/internal/enrich"
	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/record"
	"github.com/weirnet/weir/internal/topology"
)

// The gateway of these tests: its LAN is 192.168.1.0/24, and it masquerades as 203.0.113.1.
const (
	host, gateway, server = "192.168.1.20:51324", "203.0.113.1:40112", "198.51.100.7:443"
)

// completed returns a chain, with the host's connection to the server, and an Explainer that keeps its records.
func completed(emit func(*record.Flow) error) (*enrich.Chain, *Explainer) {
	table := conntrack.NewTable(64)
	table.Put(&conntrack.Connection{
		Original: tuple(host, server), Reply: tuple(server, gateway), ID: 9,
		Status: conntrack.SeenReply | conntrack.SourceNAT,
	})
	var e *Explainer
	c := enrich.New(table, func(r *record.Flow) error {
		e.Keep(r)
		return emit(r)
	})
	e = New(c.Network)
	return c, e
}

func setLAN(c *enrich.Chain) {
	lan := []netip.Prefix{netip.MustParsePrefix("192.168.1.0/24")}
	c.SetNetwork(topology.NewNetwork(topology.Sides{Networks: lan}, nil, nil, [2][]topology.Rule{}))
}

func tuple(src, dst string) conntrack.Tuple {
	return conntrack.Tuple{Src: netip.MustParseAddrPort(src), Dst: netip.MustParseAddrPort(dst), Proto: packet.ProtoTCP}
}

func flowOf(client string, sent, answered uint64) *record.Flow {
	t, now := tuple(client, server), time.Now().UnixNano()
	key, _ := t.Key()
	return &record.Flow{
		ID:     key.ID(now),
		Client: record.Endpoint{Addr: t.Src, Packets: sent, Bytes: 100 * sent},
		Server: record.Endpoint{Addr: t.Dst, Packets: answered, Bytes: 100 * answered},
		State:  record.StateEnd, Proto: packet.ProtoTCP, FirstSeen: now, LastSeen: now,
	}
}

func nothing(*record.Flow) error { return nil }

func TestExplain(t *testing.T) {
	c, e := completed(nothing)
	setLAN(c)
	apps, err := catalog.Load()
	if err != nil {
		t.Fatal(err)
	}
	e.SetCatalog(apps)
	r := flowOf(host, 3, 5)
	r.Method, r.Protocol, r.Hostname = record.MethodDPI, "tls", []byte("www.facebook.com")
	r.ApplicationMethod, r.Application = record.ByHost, "facebook"
	id := string(r.ID[:])
	if err := c.Flow(r, time.Now()); err != nil {
		t.Fatal(err)
	}
	for what, words := range map[string][]string{
		"192.168.1.7": {"is lan: it is in a network that the settings make LAN"},
		"9.9.9.9":     {"is wan: no route and no network of the settings matches it"},
		id: {
			"tcp from " + host + " to " + server + ", outbound", "The client, 192.168.1.20, is lan", "Entry 9 of",
			"snat",
			"knows the client as " + gateway, "The protocol is tls", "The application is facebook", "www.facebook.com",
			"its entry: facebook.com)",
		},
		strings.ToUpper(id[:7]): {id},
		"192.168.1.20":          {"is lan", "Its latest flows:", id[:12], "tls facebook www.facebook.com"},
		host + " " + server:     {id},
		server + "  " + host:    {id},
		"www.Facebook.com":      {id},
		"facebook.com":          {id},
		"facebook":              {id},
		"tls":                   {id},
	} {
		lines, err := e.Explain(what)
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
		for _, w := range words {
			if !strings.Contains(strings.Join(lines, "\n"), w) {
				t.Errorf("%s: no %q in\n%s", what, w, strings.Join(lines, "\n"))
			}
		}
	}
	for _, what := range []string{"", "abc", "no address", "ffffffffffff", strings.Repeat("a", 33), "book.com", "ssh",
		server, server + " " + server, host + " " + server + " " + host} {
		if lines, err := e.Explain(what); err == nil {
			t.Errorf("%q: %q", what, lines)
		}
	}
}

// TestExplainWhileOutputBlocks: the Explainer answers while the output blocks, even about the record being written.
func TestExplainWhileOutputBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reading := make(chan struct{})
		c, e := completed(func(*record.Flow) error { <-reading; return nil })
		r := flowOf(host, 1, 1)
		id := string(r.ID[:])
		go func() { _ = c.Flow(r, time.Now()) }()
		synctest.Wait()
		for _, what := range []string{id, "192.168.1.20"} {
			if lines, err := e.Explain(what); err != nil || len(lines) == 0 {
				t.Errorf("%s: %q, %v", what, lines, err)
			}
		}
		close(reading)
	})
}

// TestRecordsKept: the Explainer keeps the last records, and no more.
func TestRecordsKept(t *testing.T) {
	_, e := completed(nothing)
	var first, last string
	for i := range ringSize + 10 {
		r := flowOf(fmt.Sprintf("192.168.1.20:%d", 1000+i), 1, 1)
		e.Keep(r)
		switch last = string(r.ID[:]); i {
		case 0:
			first = last
		case 9:
			if _, err := e.Explain(last); err != nil {
				t.Error(err)
			}
		}
	}
	if _, err := e.Explain(last); err != nil || len(e.records.records) != ringSize {
		t.Errorf("%v, %d records", err, len(e.records.records))
	}
	if lines, err := e.Explain(first); err == nil {
		t.Errorf("the first record is still there: %q", lines)
	}
}

// TestExplainSeveral: of several flows the newest is explained, and the others follow, each once, at most as many as a
// screen holds.
func TestExplainSeveral(t *testing.T) {
	_, e := completed(nothing)
	for i := range 40 {
		r := flowOf(fmt.Sprintf("192.168.1.20:%d", 1000+i/2), 1, 1) // two records of each flow
		copy(r.ID[:], fmt.Sprintf("%032x", i/2))
		r.Protocol = "ssh"
		e.Keep(r)
	}
	lines, err := e.Explain("ssh")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(lines, "\n")
	if !strings.HasPrefix(text, fmt.Sprintf("Flow %032x: ", 19)) {
		t.Errorf("it begins with %s", lines[0])
	}
	at := slices.Index(lines, "Others of the kind:")
	if at < 0 || len(lines)-at != mostListed {
		t.Fatalf("line %d of %d begins the others:\n%s", at, len(lines), text)
	}
	for i, line := range lines[at+1:] {
		if want := fmt.Sprintf("%d to %s  ssh", 1000+18-i, server); !strings.HasSuffix(line, want) {
			t.Errorf("%s; want %s", line, want)
		}
	}
}
