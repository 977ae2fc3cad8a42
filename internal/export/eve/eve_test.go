// SPDX-License-Identifier: Apache-2.0

package eve

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/weirnet/weir/internal/export"
	"github.com/weirnet/weir/internal/export/exporttest"
	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/record"
)

// schema has the members of Suricata's events that weir writes, with their types, as its user guide's index of EVE
// fields and its published schema list them. "?" marks members that an event may lack.
var schema = map[string]string{
	"timestamp": "time", "event_type": "string", "flow_id": "integer?", "in_iface": "string?", "src_ip": "string?",
	"src_port": "integer?", "dest_ip": "string?", "dest_port": "integer?", "proto": "string?", "app_proto": "string?",
	"community_id": "string?", "icmp_type": "integer?", "icmp_code": "integer?", "vlan": "numbers?",

	"flow.pkts_toserver": "integer", "flow.pkts_toclient": "integer", "flow.bytes_toserver": "integer",
	"flow.bytes_toclient": "integer", "flow.start": "time", "flow.end": "time", "flow.age": "integer",
	"flow.state": "string", "flow.reason": "string", "flow.alerted": "boolean",

	"dns.type": "string", "dns.id": "integer", "dns.rrname": "string?", "dns.rrtype": "string?", "dns.rcode": "string?",
	"dns.aa": "boolean?", "dns.tc": "boolean?", "dns.rd": "boolean?", "dns.ra": "boolean?", "dns.answers": "objects?",

	"http.hostname": "string?", "http.url": "string?", "http.http_user_agent": "string?", "http.http_port": "integer?",
	"http.http_content_type": "string?", "http.http_method": "string?", "http.protocol": "string?",
	"http.status": "integer?", "http.http_refer": "string?", "http.redirect": "string?",

	"tls.sni": "string?", "tls.version": "string?", "tls.subject": "string?", "tls.issuerdn": "string?",
	"tls.notbefore": "string?", "tls.notafter": "string?", "tls.fingerprint": "string?",
	"tls.subjectaltname": "strings?", "tls.session_resumed": "boolean?", "tls.client_alpns": "strings?",
	"tls.server_alpns": "strings?", "tls.ja3": "hash?", "tls.ja3s": "hash?", "tls.ja4": "string?",
}

// timestamp is Suricata's published pattern.
var timestamp = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d+[+\-]\d+$`)

func isOf(kind string, value any) bool {
	switch v := value.(type) {
	case string:
		return kind == "string" || kind == "time" && timestamp.MatchString(v)
	case bool:
		return kind == "boolean"
	case json.Number:
		_, err := v.Int64()
		return kind == "integer" && err == nil
	case map[string]any:
		hash, ok := v["hash"].(string)
		return kind == "hash" && len(v) == 1 && ok && hash != ""
	case []any:
		of := map[string]string{"strings": "string", "numbers": "integer"}[kind]
		for _, one := range v {
			if kind == "objects" {
				if _, ok := one.(map[string]any); !ok {
					return false
				}
			} else if !isOf(of, one) {
				return false
			}
		}
		return of != "" || kind == "objects"
	}
	return false
}

// check holds an event against the schema, and returns it.
func check(t *testing.T, line []byte) map[string]any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	var event map[string]any
	if err := d.Decode(&event); err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	kind, _ := event["event_type"].(string)
	look := func(prefix string, object map[string]any) {
		for name, value := range object {
			if name == "weir" || prefix == "" && name == kind {
				continue
			}
			if of := strings.TrimSuffix(schema[prefix+name], "?"); of == "" || !isOf(of, value) {
				t.Errorf("%s%s is %v, and should be of type %q", prefix, name, value, of)
			}
		}
		for name, of := range schema {
			at, rest, isInner := strings.Cut(name, ".")
			if !isInner {
				at, rest = "", name
			} else {
				at += "."
			}
			if at == prefix && !strings.HasSuffix(of, "?") && object[rest] == nil {
				t.Errorf("%s is missing in %s", name, line)
			}
		}
	}
	look("", event)
	inner, ok := event[kind].(map[string]any)
	if !ok {
		t.Fatalf("%s has no member %q", line, kind)
	}
	if kind != "stats" {
		look(kind+".", inner)
	}
	if _, ok := event["weir"].(map[string]any); !ok {
		t.Errorf("%s lacks weir's own", line)
	}
	return event
}

func testFlow() *record.Flow {
	f := &record.Flow{State: record.StateEnd, EndReason: record.EndClosed, Interface: `la"n0`, VLANs: []uint16{7, 9},
		Proto: packet.ProtoTCP, IPVersion: 4, CommunityID: []byte("1:abc="), Protocol: "tls", Application: "example",
		Client:    record.Endpoint{Addr: netip.MustParseAddrPort("192.0.2.1:40000"), Packets: 3, Bytes: 300},
		Server:    record.Endpoint{Addr: netip.MustParseAddrPort("[2001:db8::1]:443"), Packets: 4, Bytes: 4000},
		FirstSeen: time.Date(2026, 1, 2, 3, 4, 5, 6789000, time.UTC).UnixNano(),
		LastSeen:  time.Date(2026, 1, 2, 3, 5, 8, 0, time.UTC).UnixNano()}
	copy(f.ID[:], "fedcba98765432100123456789abcdef")
	return f
}

func flowRecord(t *testing.T, f *record.Flow) *export.Record {
	t.Helper()
	return &export.Record{Type: "flow", Line: f.AppendJSON(nil), Flow: f}
}

func TestFlow(t *testing.T) {
	line, ok := Append(nil, flowRecord(t, testFlow()))
	if !ok {
		t.Fatal("a flow is no event")
	}
	event := check(t, line)
	want := `{"timestamp":"2026-01-02T03:05:08.000000+0000","flow_id":4483583629026627,"in_iface":"la\"n0",` +
		`"event_type":"flow","src_ip":"192.0.2.1","src_port":40000,"dest_ip":"2001:db8::1","dest_port":443,` +
		`"proto":"TCP","vlan":[7,9],"app_proto":"tls","community_id":"1:abc=","flow":{"pkts_toserver":3,` +
		`"pkts_toclient":4,"bytes_toserver":300,"bytes_toclient":4000,"start":"2026-01-02T03:04:05.006789+0000",` +
		`"end":"2026-01-02T03:05:08.000000+0000","age":62,"state":"closed","reason":"timeout","alerted":false},"weir":`
	if !strings.HasPrefix(string(line), want) {
		t.Errorf("got  %s\nwant %s", line, want)
	}
	if id, _ := event["flow_id"].(json.Number).Int64(); id != 0xfedcba9876543 || id >= 1<<53 {
		t.Errorf("flow_id %x", id)
	}
}

// TestFlowKinds: flows of each kind and end are events; those that live are none.
func TestFlowKinds(t *testing.T) {
	for _, c := range []struct {
		change      func(f *record.Flow)
		name, value string
	}{
		{func(f *record.Flow) { f.EndReason, f.Server.Packets = record.EndIdle, 0 }, "state", "new"},
		{func(f *record.Flow) { f.EndReason = record.EndIdle }, "state", "established"},
		{func(f *record.Flow) { f.EndReason = record.EndEvicted }, "reason", "forced"},
		{func(f *record.Flow) { f.EndReason = record.EndShutdown }, "reason", "shutdown"},
		{func(f *record.Flow) { f.EndReason = record.NotEnded }, "reason", "unknown"},
		{func(f *record.Flow) { f.Protocol = "" }, "app_proto", "failed"},
		{func(f *record.Flow) { f.Proto = 47 }, "proto", "GRE"},
		{func(f *record.Flow) { f.Proto = 7 }, "proto", "007"},
		{func(f *record.Flow) { f.Proto, f.ICMPType = packet.ProtoICMPv6, 128 }, "proto", "IPv6-ICMP"},
		{func(f *record.Flow) { f.FirstSeen = f.LastSeen + 1e12 }, "state", "closed"},
		{func(f *record.Flow) { f.Client.Addr = netip.MustParseAddrPort("192.0.2.1:0") }, "src_ip", "192.0.2.1"},
	} {
		f := testFlow()
		c.change(f)
		line, ok := Append(nil, flowRecord(t, f))
		if !ok {
			t.Fatal("no event")
		}
		if check(t, line); !strings.Contains(string(line), fmt.Sprintf("%q:%q", c.name, c.value)) {
			t.Errorf("%s %s is missing in %s", c.name, c.value, line)
		}
	}
	f := testFlow()
	f.State = record.StateUpdate
	if line, ok := Append([]byte("x"), flowRecord(t, f)); ok || string(line) != "x" {
		t.Errorf("a live flow became %s", line)
	}
}

// contents are of events, with the members that such a record may have.
var contents = map[string]string{
	"dns": `{"type":"answer","id":7,"rrname":"example.org","rrtype":"A","rcode":"NOERROR","aa":true,"rd":true,` +
		`"answers":[{"rrname":"example.org","rrtype":"A","ttl":60,"rdata":"192.0.2.9"}],"rtt_us":5,"new":1}`,
	"http": `{"hostname":"example.org","http_port":8080,"url":"/a?b=\u0022","http_method":"GET","status":200,` +
		`"http_user_agent":"x","http_refer":"y","protocol":"HTTP/1.1","http_content_type":"text/html","redirect":"/z"}`,
	"tls": `{"sni":"example.org","version":"TLS 1.3","alpn":["h2","http/1.1"],"alpn_selected":"h2",` +
		`"ja3":"a","ja3s":"b","ja4":"c","subject":"CN=x","issuerdn":"CN=y",` +
		`"notbefore":"2026-01-01T00:00:00","notafter":"2027-01-01T00:00:00",` +
		`"fingerprint":"aa:bb","subjectaltname":["x"],"session_resumed":true,"cipher":"z"}`,
}

func event(kind, content string) *export.Record {
	e := record.Event{Time: 1767323045_000000001, Interface: "lan0", Proto: packet.ProtoUDP,
		Client:  record.Endpoint{Addr: netip.MustParseAddrPort("192.0.2.1:40000")},
		Server:  record.Endpoint{Addr: netip.MustParseAddrPort("192.0.2.2:53")},
		Content: []byte(content)}
	e.Type, _ = record.ParseTypes([]string{kind})
	copy(e.Flow[:], "fedcba98765432100123456789abcdef")
	return &export.Record{Type: kind, Line: e.AppendJSON(nil)}
}

func TestEvents(t *testing.T) {
	for kind, content := range contents {
		for _, c := range []string{content, "{}"} {
			line, ok := Append(nil, event(kind, c))
			if !ok {
				t.Fatalf("%s is no event", kind)
			}
			got := check(t, line)
			if got["flow_id"].(json.Number) != "4483583629026627" {
				t.Errorf("%s: flow_id %v", kind, got["flow_id"])
			}
			if c == "{}" {
				continue
			}
			for name := range schema { // each member is there, so that the schema is what the tests have seen
				at, rest, ok := strings.Cut(name, ".")
				if ok && at == kind && got[kind].(map[string]any)[rest] == nil && name != "dns.tc" && name != "dns.ra" {
					t.Errorf("%s is missing in %s", name, line)
				}
			}
		}
	}
	stats := &export.Record{Type: "stats",
		Line: []byte(`{"type":"stats","schema":1,"time":"2026-01-02T03:04:05Z","x":1}`)}
	if line, ok := Append(nil, stats); !ok {
		t.Error("stats is no event")
	} else {
		check(t, line)
	}
	for _, broken := range []*export.Record{{Type: "other", Line: []byte(`{}`)}, {Type: "dns", Line: []byte(`{}`)},
		{Type: "stats", Line: []byte(`{}`)}, event("dns", `{"id":"x"}`)} {
		if line, ok := Append(nil, broken); ok || len(line) != 0 {
			t.Errorf("%s became %s", broken.Line, line)
		}
	}
}

// FuzzAppend: whatever a record says, an event is JSON in one line.
func FuzzAppend(f *testing.F) {
	for kind, content := range contents {
		f.Add(kind, event(kind, content).Line)
	}
	f.Add("flow", testFlow().AppendJSON(nil))
	f.Add("stats", []byte(`{"type":"stats","time":"2026-01-02T03:04:05Z"}`))
	f.Fuzz(func(t *testing.T, kind string, line []byte) {
		r := &export.Record{Type: kind, Line: line}
		if kind == "flow" {
			r.Flow = new(record.Flow)
			if r.Flow.Read(line) != nil {
				return
			}
		}
		got, ok := Append(nil, r)
		isBroken := bytes.ContainsRune(got, '\n') && !bytes.ContainsRune(line, '\n')
		if ok && (!json.Valid(got) || isBroken) {
			t.Fatalf("%s became %s", line, got)
		}
	})
}

// TestFile: events are lines of the file; records that are none count as written.
func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "eve.json")
	o := exporttest.Open(t, Kind, "eve://"+path+"?types=flow,dns", nil)
	live := testFlow()
	live.State = record.StateNew
	if err := o.Write(t.Context(), []*export.Record{flowRecord(t, live), flowRecord(t, testFlow()),
		event("dns", contents["dns"]), flowRecord(t, live)}); err != nil {
		t.Fatal(err)
	}
	if err := o.Close(); err != nil {
		t.Error(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var kinds []string
	for lines := bufio.NewScanner(f); lines.Scan(); {
		kinds = append(kinds, check(t, lines.Bytes())["event_type"].(string))
	}
	if strings.Join(kinds, " ") != "flow dns" {
		t.Errorf("events %v", kinds)
	}
}

func BenchmarkFlow(b *testing.B) {
	f := testFlow()
	r := &export.Record{Type: "flow", Line: f.AppendJSON(nil), Flow: f}
	var line []byte
	b.ReportAllocs()
	for b.Loop() {
		line, _ = Append(line[:0], r)
	}
}
