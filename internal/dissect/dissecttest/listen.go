// SPDX-License-Identifier: Apache-2.0

package dissecttest

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/weirnet/weir/internal/dissect"
	"github.com/weirnet/weir/internal/record"
)

// Heard is a session's result of a talk.
type Heard struct {
	Outcome      dissect.Outcome
	Protocol     string
	Application  string
	Host         string
	Info         string // JSON object
	Certificate  dissect.Certificate
	CertNames    []string
	Risks        []string
	Hints        []dissect.Hint
	Expectations []dissect.Expectation
	Messages     int // messages shown until the session was done
}

// onlyTable returns a table of one protocol.
func onlyTable(t testing.TB, all *dissect.Table, protocol string) *dissect.Table {
	t.Helper()
	var own []*dissect.Protocol
	for _, p := range all.Protocols() {
		if p.Name == protocol {
			own = append(own, p)
		}
	}
	if own == nil {
		t.Fatalf("the table has no protocol %q", protocol)
	}
	return dissect.NewTable(own)
}

// Listen feeds a talk to a new session, with the default budgets of 10 and 8 packets.
func Listen(t testing.TB, table *dissect.Table, k Talk) Heard {
	t.Helper()
	pool := dissect.NewPool()
	pool.OnPanic = func(protocol string, c *dissect.Conversation, cause any) {
		t.Errorf("%s panicked: %v", protocol, cause)
	}
	s := pool.Get()
	budget := 8
	if k.Over == dissect.TCP {
		budget = 10
	}
	if k.ClientPort == 0 {
		k.ClientPort = 49152
	}
	flow := &dissect.Flow{Transport: k.Over, IPProtocol: k.IPProtocol, Midstream: k.Midstream,
		Client: netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), k.ClientPort),
		Server: netip.AddrPortFrom(netip.MustParseAddr("198.51.100.1"), k.ServerPort)}
	switch k.Over {
	case dissect.TCP:
		flow.IPProtocol = 6
	case dissect.UDP:
		flow.IPProtocol = 17
	case dissect.SCTP:
		flow.IPProtocol = 132
	case dissect.IP:
		flow.Client, flow.Server = netip.AddrPortFrom(flow.Client.Addr(), 0), netip.AddrPortFrom(flow.Server.Addr(), 0)
	}
	seq := [2]uint32{1000, 5000}
	if k.Over == dissect.TCP && !k.Midstream {
		s.Feed(table, pool, flow, &dissect.Segment{SYN: true, Seq: seq[0] - 1, FromClient: true})
		s.Feed(table, pool, flow, &dissect.Segment{SYN: true, ACK: true, Seq: seq[1] - 1, Ack: seq[0]})
	}
	var h Heard
	for i, m := range k.Says {
		way := dissect.Direction(m.FromClient)
		packet := slices.Clone(m.Bytes) // the worker reuses the packet's memory, so nothing may keep it
		o, r := s.Feed(table, pool, flow, &dissect.Segment{Payload: packet, Length: len(packet), Seq: seq[way],
			Ack: seq[1-way], ACK: true, FromClient: m.FromClient, Last: i+1 >= budget || k.Ends && i+1 == len(k.Says)})
		seq[way] += uint32(len(packet))
		h.Outcome, h.Messages = o, i+1
		if r != nil {
			h.take(t, r)
			wantMembers(t, table, &h)
		}
		for j := range packet {
			packet[j] = 0xee
		}
		if o == dissect.Decided || o == dissect.Failed {
			break
		}
	}
	pool.Put(s)
	if pool.Buffered() != 0 {
		t.Errorf("%d bytes stayed lent", pool.Buffered())
	}
	return h
}

// wantMembers checks that the protocol's entry lists what it filled.
func wantMembers(t testing.TB, table *dissect.Table, h *Heard) {
	t.Helper()
	var objects map[string]map[string]any
	if err := json.Unmarshal([]byte(h.Info), &objects); err != nil {
		return // take has said so
	}
	for object, members := range objects {
		for name := range members {
			if member := object + "." + name; !table.Fills(h.Protocol, member) {
				t.Errorf("%s fills %s, which no entry's Members have", h.Protocol, member)
			}
		}
	}
}

func (h *Heard) take(t testing.TB, r *dissect.Result) {
	t.Helper()
	h.Protocol, h.Application, h.Host = r.Protocol(), r.Application(), string(r.Host())
	h.Info = "{" + string(r.Info()) + "}"
	if !json.Valid([]byte(h.Info)) {
		t.Errorf("metadata is not JSON: %s", h.Info)
	}
	if name := twice(h.Info); name != "" {
		t.Errorf("the member %s comes twice: %s", name, h.Info)
	}
	if len(h.Info) > dissect.MaxInfo+len("{}") {
		t.Errorf("metadata of %d bytes", len(h.Info))
	}
	h.Certificate = r.Certificate()
	h.CertNames = nil
	for _, n := range r.CertificateNames() {
		h.CertNames = append(h.CertNames, string(n))
	}
	h.Risks = nil
	for risk := record.Risk(0); risk.String() != ""; risk++ {
		if r.Risks().Has(risk) {
			h.Risks = append(h.Risks, risk.String())
		}
	}
	h.Hints = nil
	for _, hint := range r.Hints() {
		h.Hints = append(h.Hints, dissect.Hint{Addr: hint.Addr, Host: slices.Clone(hint.Host), TTL: hint.TTL})
	}
	h.Expectations = slices.Clone(r.Expectations())
}

// twice returns a duplicate member of a JSON object of objects, "" if it has none.
func twice(object string) string {
	d := json.NewDecoder(strings.NewReader(object))
	seen := []map[string]bool{}
	key := false
	for {
		token, err := d.Token()
		if err != nil {
			return ""
		}
		switch v := token.(type) {
		case json.Delim:
			switch v {
			case '{':
				seen = append(seen, map[string]bool{})
				key = true
				continue
			case '[':
				seen = append(seen, nil)
			default:
				seen = seen[:len(seen)-1]
			}
		case string:
			if key {
				if seen[len(seen)-1][v] {
					return v
				}
				seen[len(seen)-1][v] = true
				key = false
				continue
			}
		}
		key = len(seen) > 0 && seen[len(seen)-1] != nil
	}
}
