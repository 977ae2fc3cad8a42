// SPDX-License-Identifier: Apache-2.0

package hosts

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirnet/weir/internal/identify"
	"github.com/weirnet/weir/internal/record"
	"github.com/weirnet/weir/internal/topology"
)

// forged returns an SSDP record with long fields in the name of one of 4,096 devices. The fields are text that grows
// most in JSON.
func forged(i int) *record.Flow {
	mac := [6]byte{0x02, 9, 9, 0, byte(i >> 8 & 0x0f), byte(i)}
	text := func(kind string) []byte {
		return record.AppendText(nil, fmt.Sprintf("%s%d%s", kind, i, strings.Repeat("<&\\\"\x01\u2028", 60)))
	}
	info := fmt.Sprintf(`"ssdp":{"method":"NOTIFY","nt":%s,"server":%s}`, text("nt"), text("server"))
	r := from(mac, fmt.Sprintf("192.168.%d.%d:1900", 16+i>>8&0x0f, i&0xff), "ssdp", info,
		time.Duration(i)*time.Millisecond)
	r.Server = record.Endpoint{Addr: netip.MustParseAddrPort("239.255.255.250:1900"), Side: record.SideMulticast}
	return r
}

// TestForgedDevices: a flood in the names of devices that do not exist evicts no better known device, and the table can
// still be saved and loaded.
func TestForgedDevices(t *testing.T) {
	table := New()
	var real []key
	note := func(i byte) [6]byte {
		mac := [6]byte{0, 0x80, 0x77, 1, 1, i}
		real = append(real, key{mac: mac})
		return mac
	}
	for i := range byte(20) {
		table.Neighbours([]topology.Neighbour{{IP: netip.AddrFrom4([4]byte{192, 168, 1, i}), MAC: note(i),
			Interface: "lan0", IsReachable: true}}, onLink, start)
		table.Flow(from(note(100+i), fmt.Sprintf("192.168.1.%d:99", 100+i), "tls", "", 0), onLink) // answered
		r := from(note(200+i), "0.0.0.0:68", "dhcp",
			fmt.Sprintf(`"dhcp":{"message_type":"request","client_mac":"00:80:77:01:01:%02x"}`, 200+i), 0)
		r.Server.Packets = 0
		table.Flow(r, onLink)
	}
	for i := range 65536 {
		table.Flow(forged(i), onLink)
	}
	if n := len(table.All()); n != maxHosts {
		t.Errorf("%d devices", n)
	}
	for _, k := range real {
		if table.hosts[k] == nil {
			t.Errorf("%x gave way to a forged one", k.mac)
		}
	}
	for _, h := range table.hosts {
		size := 0
		for _, e := range h.evidence {
			size += len(e.Value)
		}
		if size > maxDeviceText || len(h.evidence) > maxEvidence {
			t.Fatalf("%d pieces of evidence with %d bytes", len(h.evidence), size)
		}
	}
	a, b := &memory{}, &memory{}
	store, err := Load(New(), a, b)
	if err == nil {
		err = store.Save(table)
	}
	if err != nil || len(a.b) > maxHosts*(2*maxDeviceText+1024) || len(b.b) > 0 {
		t.Fatalf("%v; the files have %d and %d bytes", err, len(a.b), len(b.b))
	}
	again := New()
	if _, err := Load(again, a, b); err != nil || asJSON(t, again.All()) != asJSON(t, table.All()) {
		t.Errorf("%v; the list that was read differs from the one written", err)
	}
}

// TestNoRoom: a table full of surer devices admits a new one only when it is as sure; then it replaces the oldest.
func TestNoRoom(t *testing.T) {
	table := New()
	for i := range maxHosts {
		table.Neighbours([]topology.Neighbour{{IP: netip.AddrFrom4([4]byte{192, 168, byte(i >> 8), byte(i)}),
			MAC: [6]byte{0, 0x80, 0x77, 2, byte(i >> 8), byte(i)}, IsReachable: true}}, onLink, start)
	}
	table.Flow(from(phone, "192.168.77.20:99", "http", `"http":{"user_agent":"x"}`, 0), onLink)
	table.Flow(from(phone, "10.50.0.9:99", "dhcp", `"dhcp":{"message_type":"request","client_mac":"d6:11:22:33:44:55"}`,
		0), onLink)
	if table.hosts[key{mac: phone}] != nil || table.counters != (counters{Refused: 3}) {
		t.Errorf("%+v", table.counters)
	}
	table.Neighbours([]topology.Neighbour{{IP: netip.MustParseAddr("192.168.77.20"), MAC: phone, IsReachable: true}},
		onLink, start)
	if table.hosts[key{mac: phone}] == nil || table.hosts[key{mac: [6]byte{0, 0x80, 0x77, 2, 0, 0}}] != nil ||
		table.counters.Evicted != 1 {
		t.Errorf("%+v", table.counters)
	}
}

// TestServerSaysWho: a DHCP server's acknowledgement makes a device certain.
func TestServerSaysWho(t *testing.T) {
	table := New()
	dhcp := func(kind string) {
		table.Flow(from(printer, "192.168.1.1:67", "dhcp", `"dhcp":{"message_type":"`+kind+
			`","client_mac":"d6:11:22:33:44:55"}`, 0), onLink)
	}
	dhcp("ack") // to a device that no frame has named
	if table.hosts[key{mac: phone}] != nil {
		t.Error("a device is known of which nothing came")
	}
	dhcp("request")
	if h := table.hosts[key{mac: phone}]; h == nil || h.certainty != asking {
		t.Errorf("%+v", h)
	}
	dhcp("ack")
	if h := table.hosts[key{mac: phone}]; h.certainty != known {
		t.Errorf("%+v", h)
	}
}

// broken is a file whose writes fail after some bytes, as on a full disk or in a killed process.
type broken struct {
	*memory
	left int
}

var errFull = errors.New("disk full")

func (f *broken) Write(b []byte) (int, error) {
	n := min(f.left, len(b))
	f.left -= n
	_, _ = f.memory.Write(b[:n])
	if n < len(b) {
		return n, errFull
	}
	return n, nil
}

// TestSaveBreaks: wherever saving breaks, the previous list remains, and the next save leaves that alone.
func TestSaveBreaks(t *testing.T) {
	table := New()
	table.Flow(from(phone, "192.168.1.20:99", "http", `"http":{"user_agent":"iPhone"}`, 0), onLink)
	files := [2]*memory{{}, {}}
	store, err := Load(New(), files[0], files[1])
	for range 2 {
		if err == nil {
			err = store.Save(table)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	want := asJSON(t, table.All())
	table.Flow(from(printer, "192.168.1.30:99", "http", `"http":{"user_agent":"another"}`, 0), onLink)
	for n := range len(files[0].b) {
		for newest := range 2 { // which file has the newest list
			copies := [2]*memory{{b: slices.Clone(files[1-newest].b)}, {b: slices.Clone(files[newest].b)}}
			cut := [2]*broken{{copies[0], n}, {copies[1], n}}
			store, err := Load(New(), cut[0], cut[1])
			if err != nil {
				t.Fatal(err)
			}
			for range 3 {
				if err := store.Save(table); !errors.Is(err, errFull) {
					t.Fatalf("after %d bytes: %v", n, err)
				}
			}
			again := New()
			if _, err := Load(again, copies[0], copies[1]); err != nil || asJSON(t, again.All()) != want {
				t.Fatalf("after %d bytes: %v, %s", n, err, asJSON(t, again.All()))
			}
		}
	}
}

// listFile returns a file with a body and a matching header.
func listFile(body string) *memory {
	line, err := json.Marshal(header{1, len(body), crc32.ChecksumIEEE([]byte(body))})
	if err != nil {
		panic(err)
	}
	return &memory{b: append(append(line, '\n'), body...)}
}

// TestCraftedLists: a crafted list costs no more than one of ours, and its good entries are read.
func TestCraftedLists(t *testing.T) {
	const good = `{"mac":"00:80:77:01:02:03","addresses":[],"evidence":[{"source":3,"value":"iPhone"}],` +
		`"first_seen":"2026-11-27T08:00:00Z","last_seen":"2026-11-27T08:00:00Z"}`
	for name, x := range map[string]struct {
		body     string
		n        int
		isBroken bool
	}{
		"empty":                    {"[]", 0, false},
		"as it was written before": {"[" + good + "]", 1, false},
		"a device of 20 MB":        {`[{"mac":"` + strings.Repeat("x", 20<<20) + `"},` + good + "]", 1, false},
		"a device of many members": {`[{` + strings.Repeat(`"addresses":[{}],`, 1<<20) + `"a":0},` + good + "]", 1,
			false},
		"deep": {"[" + strings.Repeat(`{"a":`, 1<<20) + "0" + strings.Repeat("}", 1<<20) + "," +
			good + "]", 1, false},
		"brackets that never close": {strings.Repeat("[", 1<<20), 0, false},
		"braces that never close":   {"[" + good + strings.Repeat("{", 1<<20), 1, false},
		"a text that never ends":    {"[" + good + `{"` + strings.Repeat("}", 1<<20), 1, false},
		"braces in a text":          {`[{"mac":"}}{","interface":"\"}"},` + good + "]", 1, false},
		"too long":                  {strings.Repeat(" ", maxFile+1), 0, true},
		"more devices than are kept": {"[" + strings.Repeat(`{"addr":"10.50.0.1"},`, 3*maxHosts) + good + "]", 1,
			false},
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			f := listFile(x.body)
			runtime.ReadMemStats(&before)
			table := New()
			_, err := Load(table, f, &memory{})
			runtime.ReadMemStats(&after)
			if errors.Is(err, errBroken) != x.isBroken || len(table.hosts) != x.n {
				t.Errorf("%v, %d devices", err, len(table.hosts))
			}
			if took := after.TotalAlloc - before.TotalAlloc; took > 16<<20 {
				t.Errorf("%d bytes were allocated", took)
			}
		})
	}
	for _, line := range []string{`{"sequence":18446744073709551615,"length":2,"crc32":0}`,
		`{"sequence":1,"length":-1}`, strings.Repeat("x", 1<<20), "{}"} {
		if _, err := Load(New(), &memory{b: []byte(line + "\n[]")}, &memory{}); !errors.Is(err, errBroken) {
			t.Errorf("%.60s: %v", line, err)
		}
	}
}

// TestClean: a kept text is printable, valid UTF-8 and not too long.
func TestClean(t *testing.T) {
	for text, want := range map[string]string{
		"plain": "plain", "a\x1b[31m\nb": "a?[31m?b", "\u202eB\u00fcro": "?Büro", "\xff": "\ufffd",
		strings.Repeat("ü", 200): strings.Repeat("ü", 128), "": "",
	} {
		if got := clean(text); got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}

// TestAppendJSON: encoding/json reads a device as it was written.
func TestAppendJSON(t *testing.T) {
	h := &host{
		key: key{addr: netip.MustParseAddr("fe80::1")}, first: start, last: start.Add(time.Second), link: `a"b`,
		router: netip.MustParseAddr("10.0.0.1"), isRouter: true,
		addresses: []Address{{netip.MustParseAddr("10.0.0.2"), start, start}}, names: []Name{{`q"\u`, "dhcp"}},
		certainty: known,
		evidence: []identify.Evidence{{Source: identify.SSDP, Value: `<a> & "b" \`},
			{Source: identify.JA4, Value: "ü"}},
	}
	var d saved
	if err := json.Unmarshal(h.appendJSON(nil), &d); err != nil {
		t.Fatalf("%v: %s", err, h.appendJSON(nil))
	}
	want := saved{
		Addr: h.key.addr, Addresses: h.addresses, Names: h.names, Evidence: h.evidence, Link: h.link, Router: h.router,
		IsRouter: true, Certainty: known,
		First: h.first, Last: h.last,
	}
	if asJSON(t, d) != asJSON(t, want) {
		t.Errorf("got  %s\nwant %s", asJSON(t, d), asJSON(t, want))
	}
	var empty bytes.Buffer
	empty.Write((&host{key: key{mac: phone}, first: start, last: start}).appendJSON(nil))
	if err := json.Unmarshal(empty.Bytes(), &d); err != nil {
		t.Errorf("%v: %s", err, &empty)
	}
}

// TestSaidAll: the texts of a JSON list.
func TestSaidAll(t *testing.T) {
	for _, want := range [][]string{nil, {"a"}, {"a", `b"\`, "", "ü"}} {
		text, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		info := fmt.Appendf(nil, `"dns":{"announced":%s,"host_name":"x"}`, text)
		if got := saidAll(info, "announced", 16); !slices.Equal(got, want) {
			t.Errorf("%s: %q", info, got)
		}
		for n := range info {
			saidAll(info[:n:n], "announced", 16)
		}
	}
	if got := saidAll([]byte(`"announced":["a","b","c"]`), "announced", 2); len(got) != 2 {
		t.Errorf("%q", got)
	}
}

func BenchmarkForged(b *testing.B) {
	table := New()
	records := make([]*record.Flow, 65536)
	for i := range records {
		records[i] = forged(i)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		table.Flow(records[i%len(records)], onLink)
	}
}

func BenchmarkSave(b *testing.B) {
	table := New()
	for i := range 65536 {
		table.Flow(forged(i), onLink)
	}
	f, g := &memory{}, &memory{}
	store, err := Load(New(), f, g)
	for b.Loop() {
		if err == nil {
			err = store.Save(table)
		}
	}
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(f.b)))
}
