// SPDX-License-Identifier: Apache-2.0

package dissect

import (
	"encoding/hex"
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/weirnet/weir/internal/record"
)

// The kit with which every dissector's test is written: a script of what both sides say is fed, message by message, through
// a real Table and Session, so candidates, reassembly and budgets take part.

// say is one message of a script.
type say struct {
	fromClient bool
	bytes      []byte
}

// C is a message of the client, S one of the server.
func C[T string | []byte](b T) say { return say{true, []byte(b)} }
func S[T string | []byte](b T) say { return say{false, []byte(b)} }

// CX and SX are those from hexadecimal, with white space and "|" anywhere.
func CX(h string) say { return say{true, unhex(h)} }
func SX(h string) say { return say{false, unhex(h)} }

func unhex(h string) []byte {
	b, err := hex.DecodeString(strings.NewReplacer(" ", "", "\n", "", "\t", "", "|", "").Replace(h))
	if err != nil {
		panic(err)
	}
	return b
}

// talk is a whole conversation.
type talk struct {
	over       Transport
	clientPort uint16 // default 49152
	serverPort uint16
	ipProtocol uint8 // for IP
	midstream  bool
	ends       bool // nothing comes after the last message
	says       []say
}

func tcp(serverPort uint16, says ...say) talk {
	return talk{over: TCP, serverPort: serverPort, says: says}
}
func udp(serverPort uint16, says ...say) talk {
	return talk{over: UDP, serverPort: serverPort, says: says}
}
func ip(protocol uint8, says ...say) talk { return talk{over: IP, ipProtocol: protocol, says: says} }

// heard is what a session made of a talk.
type heard struct {
	outcome      Outcome
	protocol     string
	application  string
	host         string
	info         string // JSON object
	certificate  Certificate
	certNames    []string
	risks        []string
	hints        []Hint
	expectations []Expectation
	messages     int // how many messages were shown until the session was done
}

var testTable = NewTable()

// listen feeds a talk to a new session, with the default budgets of 10 and 8 packets.
func listen(t testing.TB, k talk) heard { return listenWith(t, testTable, k) }

// onlyTable is a table of one protocol.
func onlyTable(t testing.TB, protocol string) *Table {
	t.Helper()
	var own []*Protocol
	for _, p := range registered {
		if p.Name == protocol {
			own = append(own, p)
		}
	}
	if own == nil {
		t.Fatalf("no protocol %q is registered", protocol)
	}
	return newTable(own)
}

func listenWith(t testing.TB, table *Table, k talk) heard {
	t.Helper()
	pool := NewPool()
	pool.OnPanic = func(protocol string, c *Conversation, cause any) {
		t.Errorf("%s panicked: %v", protocol, cause)
	}
	s := pool.Get()
	budget := 8
	if k.over == TCP {
		budget = 10
	}
	if k.clientPort == 0 {
		k.clientPort = 49152
	}
	flow := &Flow{Transport: k.over, IPProtocol: k.ipProtocol, Midstream: k.midstream,
		Client: netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), k.clientPort),
		Server: netip.AddrPortFrom(netip.MustParseAddr("198.51.100.1"), k.serverPort)}
	switch k.over {
	case TCP:
		flow.IPProtocol = 6
	case UDP:
		flow.IPProtocol = 17
	case SCTP:
		flow.IPProtocol = 132
	case IP:
		flow.Client, flow.Server = netip.AddrPortFrom(flow.Client.Addr(), 0), netip.AddrPortFrom(flow.Server.Addr(), 0)
	}
	seq := [2]uint32{1000, 5000}
	if k.over == TCP && !k.midstream {
		s.Feed(table, pool, flow, &Segment{SYN: true, Seq: seq[0] - 1, FromClient: true})
		s.Feed(table, pool, flow, &Segment{SYN: true, ACK: true, Seq: seq[1] - 1, Ack: seq[0]})
	}
	var h heard
	for i, m := range k.says {
		way := side(m.fromClient)
		packet := slices.Clone(m.bytes) // the packet's memory is used again, so nothing may keep it
		o, r := s.Feed(table, pool, flow, &Segment{Payload: packet, Length: len(packet), Seq: seq[way], Ack: seq[1-way], ACK: true, FromClient: m.fromClient, Last: i+1 >= budget || k.ends && i+1 == len(k.says)})
		seq[way] += uint32(len(packet))
		h.outcome, h.messages = o, i+1
		if r != nil {
			h.take(t, r)
		}
		for j := range packet {
			packet[j] = 0xee
		}
		if o == Decided || o == Failed {
			break
		}
	}
	pool.Put(s)
	if pool.Buffered() != 0 {
		t.Errorf("%d bytes stayed lent", pool.Buffered())
	}
	return h
}

func (h *heard) take(t testing.TB, r *Result) {
	t.Helper()
	h.protocol, h.application, h.host = r.Protocol(), r.Application(), string(r.Host())
	h.info = "{" + string(r.Info()) + "}"
	if !json.Valid([]byte(h.info)) {
		t.Errorf("metadata is not JSON: %s", h.info)
	}
	if name := twice(h.info); name != "" {
		t.Errorf("the member %s comes twice: %s", name, h.info)
	}
	if len(h.info) > MaxInfo+len("{}") {
		t.Errorf("metadata of %d bytes", len(h.info))
	}
	h.certificate = r.Certificate()
	h.certNames = nil
	for _, n := range r.CertificateNames() {
		h.certNames = append(h.certNames, string(n))
	}
	h.risks = nil
	for risk := record.Risk(0); risk.String() != ""; risk++ {
		if r.Risks().Has(risk) {
			h.risks = append(h.risks, risk.String())
		}
	}
	h.hints = nil
	for _, hint := range r.Hints() {
		h.hints = append(h.hints, Hint{hint.Addr, slices.Clone(hint.Host), hint.TTL})
	}
	h.expectations = slices.Clone(r.Expectations())
}

// wantProtocol fails unless the talk gets that name (of the whole table, so that no other dissector takes it away), and the
// metadata holds each of the members ("\"command\":\"get\"").
func wantProtocol(t *testing.T, k talk, protocol string, members ...string) heard {
	t.Helper()
	h := listen(t, k)
	if h.protocol != protocol {
		t.Errorf("protocol %q, want %q (outcome %d after %d messages)", h.protocol, protocol, h.outcome, h.messages)
	}
	for _, m := range members {
		if !strings.Contains(h.info, m) {
			t.Errorf("metadata lacks %s: %s", m, h.info)
		}
	}
	return h
}

// wantNot fails if the talk gets that name.
func wantNot(t *testing.T, k talk, protocol string) {
	t.Helper()
	if h := listen(t, k); h.protocol == protocol {
		t.Errorf("named %q, which it isn't: %s", protocol, h.info)
	}
}

// testTruncations feeds every cut of every message of the talk: each must end without a panic (listen fails on one), and a
// conversation cut within its first message before minimum bytes must not be named.
func testTruncations(t *testing.T, protocol string, k talk, minimum int) {
	t.Helper()
	table := onlyTable(t, protocol)
	for i := range k.says {
		for n := range k.says[i].bytes {
			cut := k
			cut.says = slices.Clone(k.says[:i+1])
			cut.says[i].bytes = k.says[i].bytes[:n]
			h := listenWith(t, table, cut)
			if i == 0 && n < minimum && h.protocol != "" {
				t.Errorf("named %q after %d bytes, want at least %d", h.protocol, n, minimum)
			}
		}
	}
}

// fuzzTalks fuzzes one protocol's dissector with whole conversations, seeded with valid ones. The input's form is messages,
// each a byte for the direction (lowest bit) and 2 bytes of length before it.
func fuzzTalks(f *testing.F, protocol string, seeds ...talk) {
	f.Helper()
	table := onlyTable(f, protocol)
	if len(seeds) == 0 {
		f.Fatal("no seeds")
	}
	for _, k := range seeds {
		var b []byte
		for _, m := range k.says {
			b = append(b, byte(1-side(m.fromClient)), byte(len(m.bytes)>>8), byte(len(m.bytes)))
			b = append(b, m.bytes...)
		}
		f.Add(b)
	}
	hostile(f, table, seeds)
	testAmongOthers(f, table, seeds)
	k := seeds[0]
	f.Fuzz(func(t *testing.T, b []byte) {
		k := k
		k.says = nil
		for len(b) > 3 && len(k.says) < 64 {
			n := min(int(b[1])<<8|int(b[2]), len(b)-3)
			k.says = append(k.says, say{b[0]&1 == 1, b[3 : 3+n]})
			b = b[3+n:]
		}
		listenWith(t, table, k)
	})
}

// wantNoAllocations fails if feeding the talk to a used pool allocates.
func wantNoAllocations(t *testing.T, protocol string, k talk) {
	t.Helper()
	table, pool := onlyTable(t, protocol), NewPool()
	flow := &Flow{Transport: k.over, IPProtocol: k.ipProtocol, Client: netip.MustParseAddrPort("192.0.2.1:49152"),
		Server: netip.AddrPortFrom(netip.MustParseAddr("198.51.100.1"), k.serverPort)}
	var seg Segment
	run := func() {
		s := pool.Get()
		seq := [2]uint32{1000, 5000}
		for _, m := range k.says {
			way := side(m.fromClient)
			seg = Segment{Payload: m.bytes, Length: len(m.bytes), Seq: seq[way], FromClient: m.fromClient}
			seq[way] += uint32(len(m.bytes))
			if o, _ := s.Feed(table, pool, flow, &seg); o == Decided || o == Failed {
				break
			}
		}
		pool.Put(s)
	}
	run()
	if raceEnabled {
		return // the detector allocates by itself; make test runs without it as well
	}
	if n := testing.AllocsPerRun(100, run); n != 0 {
		t.Errorf("%v allocations per conversation", n)
	}
}

// twice gives a member that a JSON object of objects has two times, "" if there is none.
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
