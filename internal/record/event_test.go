// SPDX-License-Identifier: Apache-2.0

package record

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"testing"
	"time"
)

// events are records of each type.
func events() []Event {
	e := Event{Type: TypeDNS, Time: 1795770210178805001, Interface: "lan0", Proto: 17,
		Client: Endpoint{Addr: netip.MustParseAddrPort("192.0.2.1:5000"), MAC: [6]byte{2, 0, 0, 0, 0, 1}},
		Server: Endpoint{Addr: netip.MustParseAddrPort("[2001:db8::53]:53")},
		Content: []byte(`{"type":"answer","id":7,"rrname":"A.example","rrtype":"A","rcode":"NOERROR","answers":[` +
			`{"rrname":"a.example","rrtype":"A","ttl":60,"rdata":"198.51.100.1"}],"rtt_us":0}`)}
	copy(e.Flow[:], "0123456789abcdef0123456789abcdef")
	h, s := e, e
	h.Type, h.Content = TypeHTTP, []byte(`{"hostname":"b.example","url":"/","status":200}`)
	s.Type, s.Content = TypeTLS, []byte(`{"sni":"c.example","alpn":["h2"],"subject":"CN=c"}`)
	return []Event{e, h, s}
}

// TestReadEvents: what AppendJSON writes, Read reads, and it refuses each truncation.
func TestReadEvents(t *testing.T) {
	for i, want := range [...]string{"a.example", "b.example", "c.example"} {
		e := events()[i]
		line := e.AppendJSON(nil)
		var read Event
		if err := read.Read(line); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		if again := read.AppendJSON(nil); !bytes.Equal(again, line) || !json.Valid(line) {
			t.Errorf("%s\nis read as\n%s", line, again)
		}
		var f Flow
		if read.AsFlow(&f); string(f.Hostname) != want || f.Protocol != e.Type.String() || f.IPVersion != 4 {
			t.Errorf("%s: a flow of %q, %q", line, f.Hostname, f.Protocol)
		}
		for n := range line {
			if err := read.Read(line[:n]); err == nil {
				t.Errorf("%q is read", line[:n])
			}
		}
	}
}

// TestReadEventErrors: a record without what an event needs is refused.
func TestReadEventErrors(t *testing.T) {
	whole := events()[0]
	for _, c := range [][2]string{
		{`"type":"dns"`, `"type":"flow"`}, {`"type":"dns"`, `"type":"tls"`}, {`"time":`, `"at":`},
		{`"flow":"0`, `"flow":"x`}, {`"flow":`, `"flew":`}, {`"client":`, `"klient":`}, {`"dns":{`, `"dnz":{`},
		{`"ip_proto":"udp"`, `"ip_proto":"none"`}, {`T`, `t`},
	} {
		line := bytes.Replace(whole.AppendJSON(nil), []byte(c[0]), []byte(c[1]), 1)
		if err := new(Event).Read(line); err == nil {
			t.Errorf("%s is read", line)
		}
	}
}

func TestParseTypes(t *testing.T) {
	types, err := ParseTypes([]string{"dns", "stats", "flow"})
	if err != nil || types != TypeDNS|TypeStats|TypeFlow || types.String() != "flow,dns,stats" {
		t.Errorf("%v, %v", types, err)
	}
	if _, err := ParseTypes([]string{"dns", "mail"}); err == nil {
		t.Error("mail is a type")
	}
}

// TestStats: what AppendJSON writes, Read reads.
func TestStats(t *testing.T) {
	s := Stats{Type: "stats", Schema: 1, Time: time.Unix(1795770210, 5).UTC(), Seconds: 10.5, Uptime: 1000,
		Mode: "ebpf", Packets: 7, Processes: []ProcessStats{{Name: "agent", UserCPU: 5, Resident: 1 << 20}},
		Interfaces: []InterfaceStats{{Name: "lan0", Received: &VolumeStats{Packets: 3}}},
		Counters:   []CounterStats{{Name: "weir_frames_total", More: 9}}}
	line := s.AppendJSON(nil)
	var read Stats
	if err := read.Read(line); err != nil || !bytes.Equal(read.AppendJSON(nil), line) {
		t.Errorf("%v in %s", err, line)
	}
	for n := range line {
		if err := read.Read(line[:n]); err == nil {
			t.Errorf("%q is read", line[:n])
		}
	}
}

// FuzzReadEvent: Read never panics, and what it accepts is read again as the same.
func FuzzReadEvent(f *testing.F) {
	for _, e := range events() {
		f.Add(e.AppendJSON(nil))
	}
	stats := Stats{Time: time.Unix(1795770210, 0)}
	f.Add(stats.AppendJSON(nil))
	f.Fuzz(func(t *testing.T, line []byte) {
		var s Stats
		if s.Read(line) == nil {
			if again := s.AppendJSON(nil); s.Read(again) != nil {
				t.Errorf("%s is not read again", again)
			}
		}
		var e, again Event
		if e.Read(line) != nil {
			return
		}
		written := e.AppendJSON(nil)
		if err := again.Read(written); err != nil || !bytes.Equal(again.AppendJSON(nil), written) {
			t.Errorf("%s: %v", written, err)
		}
		var flow Flow
		e.AsFlow(&flow)
		switch e.Type {
		case TypeDNS:
			_, _ = ReadContent[DNS](&e)
		case TypeHTTP:
			_, _ = ReadContent[HTTP](&e)
		case TypeTLS:
			_, _ = ReadContent[TLS](&e)
		}
	})
}

// FuzzMembers: walking the members of any text ends.
func FuzzMembers(f *testing.F) {
	f.Add([]byte(`"a":"x\"y","b":[1,{"c":"]"}],"d":{"e":null},"f":1.5`))
	f.Fuzz(func(t *testing.T, members []byte) {
		rest := members
		for range len(members) + 1 {
			name, _, after := NextMember(rest)
			if name == nil {
				return
			}
			rest = after
		}
		t.Errorf("%q has more members than bytes", members)
	})
}
