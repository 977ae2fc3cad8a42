// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"bytes"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/weirnet/weir/internal/capture/pcapfile"
	"github.com/weirnet/weir/internal/engine"
	"github.com/weirnet/weir/internal/record"
)

// replayEvents runs a capture through a pipeline of n workers and returns its events and flow records.
func replayEvents(t testing.TB, file string, n int, types record.Types) (out []byte, events []record.Event) {
	t.Helper()
	r, err := pcapfile.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	c := config(t)
	c.Events = new(atomic.Uint32)
	c.Events.Store(uint32(types))
	c.OnEvent = func(e *record.Event) error {
		start := len(out)
		out = append(e.AppendJSON(out), '\n')
		var read record.Event
		if err := read.Read(out[start:]); err != nil {
			t.Errorf("%s: %v in %s", file, err, out[start:])
		} else if again := read.AppendJSON(nil); !bytes.Equal(again, out[start:len(out)-1]) {
			t.Errorf("%s: %s is read as %s", file, out[start:], again)
		}
		events = append(events, read)
		return nil
	}
	p := engine.NewPipeline(c, n, 0, func(f *record.Flow) error {
		out = append(f.AppendJSON(out), '\n')
		return nil
	})
	var in pcapfile.Frame
	known := 0
	for r.Next(&in) == nil {
		for ; known <= in.Interface; known++ {
			p.AddInterface(r.Interfaces()[known].Name)
		}
		p.Frame(&engine.Frame{Data: in.Data, Length: in.Length, Time: in.Time, Interface: uint16(in.Interface),
			Link: r.Interfaces()[in.Interface].LinkType})
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	return out, events
}

// TestEventsOfRecordings: the events of each recording are the same whatever the number of workers, their flows are in
// the flow records, and those are as without events.
func TestEventsOfRecordings(t *testing.T) {
	schema := compileSchema(t, record.EventSchema)
	for _, file := range captures(t) {
		one, events := replayEvents(t, file, 1, record.TypeEvents)
		if three, _ := replayEvents(t, file, 3, record.TypeEvents); !bytes.Equal(one, three) {
			t.Errorf("%s: three workers have other events", file)
		}
		var flows bytes.Buffer
		for line := range bytes.Lines(one) {
			if bytes.HasPrefix(line, []byte(`{"type":"flow"`)) {
				flows.Write(line)
			}
		}
		if without, none := replayEvents(t, file, 1, 0); !bytes.Equal(without, flows.Bytes()) || len(none) > 0 {
			t.Errorf("%s: events change the flow records", file)
		}
		for i := range events {
			line, err := jsonschema.UnmarshalJSON(bytes.NewReader(events[i].AppendJSON(nil)))
			if err == nil {
				err = schema.Validate(line)
			}
			if err != nil {
				t.Errorf("%s: %v in %s", file, err, events[i].AppendJSON(nil))
			}
			if id := `"id":"` + string(events[i].Flow[:]) + `"`; !strings.Contains(flows.String(), id) {
				t.Errorf("%s: no flow of %s", file, events[i].AppendJSON(nil))
			}
		}
	}
}

// TestEventsAgainstTshark: weir tells as many answers and requests as tshark finds.
func TestEventsAgainstTshark(t *testing.T) {
	for name, field := range map[string]string{
		"dns-dnsmasq-dig": "dns.id", "dns-https-record": "dns.id", "dns-large-fragmented": "dns.id",
		"http1-nginx": "http.request.method", "http-various": "http.request.method",
	} {
		file := filepath.Join("../../testdata", name+".pcap")
		is, kind := "dns.flags.response == 1", record.TypeDNS
		if field != "dns.id" {
			is, kind = "http.request", record.TypeHTTP
		}
		out, err := exec.Command("tshark", "-n", "-r", file, "-Y", is, "-T", "fields", "-e", field).Output()
		if err != nil {
			t.Fatalf("tshark is needed (scripts/setup test installs it): %v", err)
		}
		want := strings.Fields(strings.ReplaceAll(string(out), ",", " "))
		_, events := replayEvents(t, file, 1, kind)
		var got []string
		for i := range events {
			if kind == record.TypeHTTP {
				if h, _ := record.ReadContent[record.HTTP](&events[i]); h.Method != "" {
					got = append(got, h.Method)
				}
			} else if d, _ := record.ReadContent[record.DNS](&events[i]); d.Type == "answer" {
				got = append(got, fmt.Sprintf("0x%04x", d.ID))
			}
		}
		if strings.Join(got, " ") != strings.Join(want, " ") || len(want) == 0 {
			t.Errorf("%s: weir tells\n%s\ntshark\n%s", name, got, want)
		}
	}
}
