// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/weirnet/weir/internal/control"
	"github.com/weirnet/weir/internal/record"
)

// TestFlowsOfFiles: a capture, its records, and the records of a pipe show the same flows; filters select among them.
func TestFlowsOfFiles(t *testing.T) {
	const records = "../../testdata/tls13-nginx.ndjson"
	const pcap = "../../testdata/tls13-nginx.pcap"
	const tls = "2001:db8::10\twww.example.com\t1.3\n192.0.2.10\twww.example.com\t1.3\n"
	fields := []string{"--fields", "client.ip,hostname,tls.version"}
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"records", []string{"--protocol", "tls", records}, tls},
		{"a filter", []string{"--where", "host:*.example.com", "--not", "ip:192.0.2.0/24", records},
			"2001:db8::10\twww.example.com\t1.3\n"},
		{"either of two, and a third",
			[]string{"--protocol", "tls", "--protocol", "icmpv6", "--net", "192.0.2.0/24", records},
			"192.0.2.10\twww.example.com\t1.3\n"},
		{"the last", []string{"--protocol", "tls", "-n", "1", records}, "192.0.2.10\twww.example.com\t1.3\n"},
		{"none", []string{"--app", "netflix", records}, ""},
		// each flow is named, and ends
		{"a capture", []string{"--protocol", "tls", "--net", "192.0.2.10", pcap},
			"192.0.2.10\twww.example.com\t1.3\n192.0.2.10\twww.example.com\t1.3\n"},
	} {
		if status, out, stderr := weir(append(append([]string{"flows"}, fields...), c.args...)...); status != 0 ||
			out != c.want {
			t.Errorf("%s: status %d\n%s%s", c.name, status, out, stderr)
		}
	}
}

func TestFlowsOutputs(t *testing.T) {
	const records = "../../testdata/tls13-nginx.ndjson"
	all := string(mustRead(t, records))
	for output, want := range map[string]string{
		"ndjson":  all,
		"compact": "- tcp [2001:db8::10]:48362 > [2001:db8::20]:443 tls www.example.com 1.45kB/2.31kB 3.72ms closed #",
		"csv":     record.CSVHeader + "\n2026-",
		"table":   "time         ",
	} {
		status, out, stderr := weir("flows", "-o", output, records)
		if status != 0 || stderr != "" || !strings.Contains(out, want) {
			t.Errorf("%s: status %d, %s, no %q in\n%s", output, status, stderr, want, out)
		}
	}
}

func TestFlowsMistakes(t *testing.T) {
	const records = "../../testdata/tls13-nginx.ndjson"
	cut := file(t, "cut.ndjson", mustRead(t, records)[:700])
	for _, c := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"--where", "ap:x"}, 2, "--where: filter, character 1: there is no field ap, perhaps app"},
		{[]string{"--where", ""}, 2, "--where is empty"},
		{[]string{"--types", "flow,dns", "--app", "netflix"}, 2, "--types flow,dns: app is known of flows only"},
		{[]string{"--port", "ssh", records}, 2, "--port: filter"},
		{[]string{"--risk", "unheard-of", records}, 2, "weir catalog risks"},
		{[]string{"--device", "@laptop", records}, 2, "only a running weir knows the names"},
		{[]string{"-o", "fields"}, 2, "--fields client.ip"},
		{[]string{"-o", "csv", "-e", "id"}, 2, "not --output csv"},
		{[]string{"-o", "xml"}, 2, `"xml"`},
		{[]string{"-n", "-1"}, 2, "must not be negative"},
		{[]string{"--follow", records}, 2, "are for the running weir"},
		{[]string{"--since", "5m", records}, 2, "are for the running weir"},
		{[]string{records, capture}, 2, "one after the other"},
		{[]string{"--lan-network", "10", capture}, 2, "192.168.0.0/16"},
		{[]string{"/nonexistent"}, 2, "no such file"},
		{[]string{cut}, 1, "line 2: no flow record"},
		{[]string{file(t, "reports", []byte(`{"type":"report","flows":[{"type":"flow"}]}`))}, 1, "schema 0"},
		{[]string{"--socket", filepath.Join(t.TempDir(), "none")}, 1, "no weir answers"},
		{[]string{"--from", "tcp://192.0.2.1"}, 2, "in clear text: use tls://"},
		{[]string{"--from", "http://127.0.0.1"}, 2, "must begin with unix://, tcp:// or tls://"},
		{[]string{"--from", "tls://:7150"}, 2, "tls://HOST:7150"},
		{[]string{"--from", "unix://s"}, 2, "whole path"},
		{[]string{"--from", "tcp://127.0.0.1?clients=1"}, 2, "without parameters"},
		{[]string{"--from", "tcp://127.0.0.1", records}, 2, "excludes --socket and files"},
		{[]string{"--token-file", records}, 2, "are of --from"},
		{[]string{"--from", "tls://127.0.0.1", "--ca", records}, 2, "no certificate in PEM"},
		{[]string{"--from", "tcp://127.0.0.1", "--token-file", "/dev/null"}, 2, "is empty"},
		{[]string{"--from", "unix:///nonexistent"}, 1, "reach unix:///nonexistent"},
	} {
		if status, _, stderr := weir(append([]string{"flows"}, c.args...)...); status != c.status ||
			!strings.Contains(stderr, c.want) {
			t.Errorf("%v: status %d, %s", c.args, status, stderr)
		}
	}
}

// TestFlowsOfTheAgent: what an agent sends is shown, with its devices' names, and what it dropped is told.
func TestFlowsOfTheAgent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "weir.sock")
	l, err := control.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	f := tableFlow("192.168.1.7:40000", "192.0.2.1:443", "tls", "youtube", "a.example", 1500)
	f.State, f.FirstSeen, f.LastSeen = record.StateNew, 1, 1
	copy(f.ID[:], strings.Repeat("0", len(f.ID)))
	lines := append(f.AppendJSON(nil), "\n{\"type\":\"dropped\",\"records\":7}\n{\"type\":\"of-the-future\"}\n"...)
	var asked *control.Flows
	go control.Serve(l, func(r *control.Request) *control.Answer {
		if r.Hosts {
			return &control.Answer{Hosts: []byte(`[{"addresses":[{"ip":"192.168.1.7"}],"names":[{"name":"laptop"}]}]`)}
		}
		asked = r.Flows
		return &control.Answer{Hello: &control.Hello{Version: control.FlowsVersion},
			Stream: func(c net.Conn) { _, _ = c.Write(lines) }}
	})
	if status, _, _ := weir("flows", "--socket", path, "--app", "you\"tube"); status != 2 {
		t.Errorf("a quote in an application: status %d", status)
	}
	status, out, stderr := weir("flows", "--socket", path, "--app", "youtube", "--not", "port:80", "-f", "-n", "3",
		"-o", "compact")
	if want := "+ tcp laptop:40000 > 192.0.2.1:443 tls youtube a.example 1.50kB/0B #00000000\n"; status != 1 ||
		!strings.HasSuffix(out, want) || !strings.Contains(stderr, "7 records were dropped") ||
		!strings.Contains(stderr, "the running weir has ended") {
		t.Errorf("status %d\n%s%s", status, out, stderr)
	}
	want := control.Flows{Filter: "app:youtube AND NOT port:80", Last: 3, Follow: true}
	if !reflect.DeepEqual(*asked, want) {
		t.Errorf("asked for %+v, not %+v", *asked, want)
	}
	if status, out, stderr = weir("flows", "--socket", path, "-e", "client.ip"); status != 0 || out != "192.168.1.7\n" {
		t.Errorf("status %d\n%s%s", status, out, stderr)
	}
}

// TestFlowsResume: a command that follows goes on after a restart, from where it was, and tells it. Of a weir that does
// not come back it says so.
func TestFlowsResume(t *testing.T) {
	path := filepath.Join(t.TempDir(), "weir.sock")
	l, err := control.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	asked := make(chan control.Flows, 10)
	line := func(host string) string {
		f := tableFlow("192.168.1.7:40000", "192.0.2.1:443", "tls", "youtube", host, 1500)
		f.State, f.FirstSeen, f.LastSeen = record.StateNew, 1, 1
		copy(f.ID[:], strings.Repeat("0", len(f.ID)))
		return string(f.AppendJSON(nil)) + "\n"
	}
	go control.Serve(l, func(r *control.Request) *control.Answer {
		if r.Flows == nil {
			return &control.Answer{Hosts: []byte("[]")}
		}
		asked <- *r.Flows
		n := len(asked)
		at := control.Position{Epoch: fmt.Sprintf("e%d", n/3), Sequence: uint64(10 * n)}
		hello := &control.Hello{Version: control.FlowsVersion, Position: at}
		return &control.Answer{Hello: hello, Stream: func(c net.Conn) {
			switch n {
			case 1: // ends in the middle of a line
				_, _ = io.WriteString(c, line("a.example")+`{"type":"position","epoch":"e0","sequence":12}`+"\n"+
					line("b.example")[:50])
			case 2: // ends before it has said anything
			case 3:
				_, _ = io.WriteString(c, line("b.example"))
				l.Close()
			}
		}}
	})
	status, out, stderr := weir("flows", "--socket", path, "-f", "-o", "fields", "-e", "hostname", "--reconnect", "1s")
	if status != 1 || out != "a.example\nb.example\n" || strings.Count(stderr, "trying again for 1s") != 3 ||
		strings.Count(stderr, "started again") != 1 || !strings.Contains(stderr, "the running weir has ended\n") {
		t.Errorf("status %d\n%s%s", status, out, stderr)
	}
	var after []control.Position
	for close(asked); len(asked) > 0; {
		if f := <-asked; f.After != nil {
			after = append(after, *f.After)
		}
	}
	want := []control.Position{{Epoch: "e0", Sequence: 12}, {Epoch: "e0", Sequence: 20}}
	if !slices.Equal(after, want) {
		t.Errorf("resumed after %v, want %v", after, want)
	}
}

// TestGrowth: a flow that goes on is worth a line when it has another name or has doubled, not at each record.
func TestGrowth(t *testing.T) {
	g := growth{}
	f := tableFlow("10.0.0.9:40000", "192.0.2.1:53", "", "", "", 0)
	var got []string
	for _, r := range []struct {
		state    record.State
		bytes    uint64
		protocol string
	}{
		{record.StateNew, 1000, ""}, {record.StateUpdate, 90_000, ""}, {record.StateUpdate, 90_000, "tls"},
		{record.StateUpdate, 180_000, "tls"}, {record.StateUpdate, 190_000, "tls"},
		{record.StateUpdate, 379_000, "tls"},
		{record.StateUpdate, 380_000, "tls"}, {record.StateEnd, 380_000, "tls"}, {record.StateNew, 0, "tls"},
	} {
		f.State, f.Client.Bytes, f.Protocol = r.state, r.bytes, r.protocol
		if g.isWorthALine(&f) {
			got = append(got, fmt.Sprintf("%s %d %s", r.state, r.bytes, r.protocol))
		}
	}
	want := "new 1000 ,update 90000 tls,update 190000 tls,update 380000 tls,end 380000 tls,new 0 tls"
	if strings.Join(got, ",") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, ","), want)
	}
	for i := range 3 * maxGrowing {
		copy(f.ID[:], fmt.Sprintf("%032x", i))
		g.isWorthALine(&f)
	}
	if len(g) > maxGrowing {
		t.Errorf("%d flows are kept", len(g))
	}
}

// TestFlowsFitTheTerminal: no row is wider than the terminal, and those of a wide one have all columns.
func TestFlowsFitTheTerminal(t *testing.T) {
	flows := append(shortFlows[:1:1], wideFlows...)
	for width := 40; width <= 240; width += 10 {
		var out bytes.Buffer
		l := newFlowLines(&flowsOptions{output: "table"}, &out, nil)
		l.setWidth(width)
		l.colour = false
		for i := range flows {
			if err := l.flow(&flows[i]); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.flush(); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(out.String()) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > width {
				t.Errorf("width %d: %d columns: %s", width, n, line)
			}
		}
		if width >= 100 && !strings.Contains(out.String(), "host") {
			t.Errorf("width %d: no host in\n%s", width, out.String())
		}
	}
}
