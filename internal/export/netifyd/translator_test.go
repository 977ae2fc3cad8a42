// SPDX-License-Identifier: Apache-2.0

package netifyd

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirnet/weir/internal/catalog"
	"github.com/weirnet/weir/internal/dissect/protocols"
	"github.com/weirnet/weir/internal/record"
)

var update = flag.Bool("update", false, "write the golden files")

// message is a message as a consumer reads it.
type message struct {
	Type, Reason string
	Internal     bool
	Flow         struct {
		Digest                                  string
		LocalIP                                 string `json:"local_ip"`
		OtherIP                                 string `json:"other_ip"`
		LocalOrigin                             bool   `json:"local_origin"`
		OtherType                               string `json:"other_type"`
		DetectionUpdated                        bool   `json:"detection_updated"`
		Application                             string `json:"detected_application_name"`
		LocalBytes                              uint64 `json:"local_bytes"`
		OtherBytes                              uint64 `json:"other_bytes"`
		TotalBytes                              uint64 `json:"total_bytes"`
		LocalPackets, OtherPackets, TotalPacket uint64
	}
}

// read takes the frames apart as consumers do: a line with a length, so many bytes, and no other byte between.
func read(t *testing.T, b []byte) (all []message) {
	t.Helper()
	in := bufio.NewReader(bytes.NewReader(b))
	for {
		line, err := in.ReadBytes('\n')
		if err == io.EOF && len(line) == 0 {
			return all
		}
		var head struct{ Length int }
		if err := json.Unmarshal(line, &head); err != nil || head.Length < 3 {
			t.Fatalf("%q is no frame: %v", line, err)
		}
		body := make([]byte, head.Length)
		if _, err := io.ReadFull(in, body); err != nil || body[len(body)-1] != '\n' ||
			bytes.Count(body, []byte("\n")) != 1 {
			t.Fatalf("%d bytes of %d, %v: %q", len(body), head.Length, err, body)
		}
		var m message
		if err := json.Unmarshal(body, &m); err != nil {
			t.Fatalf("%q: %v", body, err)
		}
		all = append(all, m)
	}
}

// flowOf returns a record of a living flow, a second after the one with a lower step.
func flowOf(step int, client, server string, clientBytes, serverBytes uint64) *record.Flow {
	second := int64(time.Second)
	f := &record.Flow{State: record.StateUpdate, Interface: "eth0", IPVersion: 4, Proto: 6,
		Client: record.Endpoint{Addr: netip.MustParseAddrPort(client), Side: record.SideLAN, Packets: 1,
			Bytes: clientBytes},
		Server: record.Endpoint{Addr: netip.MustParseAddrPort(server), Side: record.SideWAN, Packets: 1,
			Bytes: serverBytes},
		Direction: record.DirectionOutbound, Protocol: "tls", Application: "youtube", Hostname: []byte("a.example"),
		Method: record.MethodDPI, FirstSeen: 1e18, LastSeen: 1e18 + int64(step)*second}
	copy(f.ID[:], fmt.Sprintf("%032x", 7))
	return f
}

func ended(f *record.Flow, reason record.EndReason) *record.Flow {
	f.State, f.EndReason = record.StateEnd, reason
	return f
}

// TestLife: a flow is told of once, its counts each interval, its end once; and the counts add up.
func TestLife(t *testing.T) {
	tr := NewTranslator(Options{Prefix: "netify.", Stats: 10 * time.Second, Unknown: true})
	const c, s = "192.168.1.7:40000", "192.0.2.1:443"
	var b []byte
	for step, bytes := range []uint64{100, 200, 200, 300} {
		b = tr.Append(b, flowOf(6*step, c, s, bytes, 10*bytes))
	}
	named := flowOf(19, c, s, 300, 3000)
	named.Application = "vimeo"
	b = tr.Append(b, named)
	last := ended(flowOf(20, c, s, 350, 3500), record.EndClosed)
	last.Application = "vimeo"
	b = tr.Append(b, last)
	var got []string
	var local, other uint64
	for _, m := range read(t, b) {
		f := m.Flow
		got = append(got, fmt.Sprintf("%s%s %s %d %d %d %v", m.Type, m.Reason, strings.TrimLeft(f.Digest, "0"),
			f.LocalBytes, f.OtherBytes, f.TotalBytes, f.DetectionUpdated))
		if m.Type != "flow" {
			local, other = local+f.LocalBytes, other+f.OtherBytes
		}
	}
	want := []string{"flow 7 100 1000 1100 false", "flow_stats 7 200 2000 2200 false", "flow 7 300 3000 3300 true",
		"flow_purgeclosed 7 150 1500 3850 false"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if local != 350 || other != 3500 || len(tr.flows) != 0 {
		t.Errorf("the counts add up to %d and %d; %d flows left", local, other, len(tr.flows))
	}
}

// TestSides: the local end is the one inside, whoever began.
func TestSides(t *testing.T) {
	for _, c := range []struct {
		client, server record.Side
		ends           string // of client and server
		local, kind    string
		internal       bool
	}{
		{record.SideLAN, record.SideWAN, "192.168.1.7 192.0.2.1", "192.168.1.7", "remote", true},
		{record.SideWAN, record.SideLAN, "192.0.2.1 192.168.1.7", "192.168.1.7", "remote", true},
		{record.SideGateway, record.SideWAN, "198.51.100.1 192.0.2.1", "198.51.100.1", "remote", false},
		{record.SideWAN, record.SideGateway, "192.0.2.1 198.51.100.1", "198.51.100.1", "remote", false},
		{record.SideLAN, record.SideLAN, "192.168.1.7 192.168.2.7", "192.168.1.7", "local", true},
		{record.SideLAN, record.SideMulticast, "192.168.1.7 224.0.0.251", "192.168.1.7", "multicast", true},
		{record.SideLAN, record.SideBroadcast, "192.168.1.7 192.168.1.255", "192.168.1.7", "broadcast", true},
		{record.SideUnknown, record.SideUnknown, "192.0.2.1 10.0.0.7", "10.0.0.7", "remote", true},
		{record.SideUnknown, record.SideUnknown, "192.0.2.1 192.0.2.2", "192.0.2.1", "remote", false},
		{record.SideUnknown, record.SideUnknown, "10.0.0.7 255.255.255.255", "10.0.0.7", "broadcast", true},
		{record.SideWAN, record.SideWAN, "192.0.2.1 203.0.113.1", "192.0.2.1", "remote", false},
	} {
		client, server, _ := strings.Cut(c.ends, " ")
		f := ended(flowOf(1, client+":1", server+":2", 5, 7), record.EndIdle)
		f.Client.Side, f.Server.Side, f.Direction = c.client, c.server, record.DirectionBetween(c.client, c.server)
		m := read(t, NewTranslator(Options{Unknown: true}).Append(nil, f))
		if len(m) != 2 || m[0].Flow.LocalIP != c.local || m[0].Flow.OtherType != c.kind ||
			m[0].Internal != c.internal || m[0].Flow.LocalOrigin != (c.local == client) || m[1].Reason != "expired" {
			t.Errorf("%s: %+v", c.ends, m)
			continue
		}
		want := uint64(5)
		if c.local == server {
			want = 7
		}
		if m[1].Flow.LocalBytes != want || m[1].Flow.TotalBytes != 12 {
			t.Errorf("%s: %+v", c.ends, m[1])
		}
	}
}

// TestUnknown: without unknown ones, only flows with a protocol are told of, and ends only of these.
func TestUnknown(t *testing.T) {
	for _, unknown := range []bool{true, false} {
		tr := NewTranslator(Options{Unknown: unknown})
		f := flowOf(1, "10.0.0.7:1", "192.0.2.1:2", 5, 7)
		f.Protocol = ""
		b := tr.Append(nil, f)
		b = tr.Append(b, ended(f, record.EndReset))
		if got := len(read(t, b)); (got == 2) != unknown || (got == 0) == unknown {
			t.Errorf("unknown %v: %d messages", unknown, got)
		}
	}
}

// TestFull: flows beyond the bound are told of at their end, with all their bytes, and the lost make room in the end.
func TestFull(t *testing.T) {
	tr := NewTranslator(Options{Unknown: true, MaxFlows: 10})
	id := func(f *record.Flow, i int) *record.Flow {
		copy(f.ID[:], fmt.Sprintf("%032x", i))
		return f
	}
	const c, s = "10.0.0.7:1", "192.0.2.1:2"
	var b []byte
	for i := range 20 {
		b = tr.Append(b, id(flowOf(1, c, s, 5, 7), i))
	}
	if got := len(read(t, b)); got != 10 {
		t.Errorf("%d flows told of", got)
	}
	m := read(t, tr.Append(nil, id(ended(flowOf(2, c, s, 50, 70), record.EndIdle), 15)))
	if len(m) != 2 || m[0].Type != "flow" || m[1].Flow.LocalBytes != 50 || m[1].Flow.TotalBytes != 120 {
		t.Errorf("the end of one of the others: %+v", m)
	}
	for i := range sweepEvery {
		tr.Append(nil, id(flowOf(2*int(deadAfter/time.Second), c, s, 5, 7), 100+i))
	}
	if tr.flows[flowOf(1, c, s, 0, 0).ID] != nil || len(tr.flows) != 10 {
		t.Errorf("%d flows, the silent ones are left", len(tr.flows))
	}
}

// TestGolden: the messages of records of weir's tests, whole.
func TestGolden(t *testing.T) {
	for _, name := range []string{"tls12-nginx", "dhcp-dnsmasq-client", "mdns-avahi", "nat-pmp-upnp",
		"http1-nginx", "ssh-openssh", "bittorrent"} {
		t.Run(name, func(t *testing.T) {
			records, err := os.ReadFile("../../../testdata/" + name + ".ndjson")
			if err != nil {
				t.Fatal(err)
			}
			tr := NewTranslator(Options{Prefix: "netify.", Unknown: true})
			b := AppendHello(nil, "1.2.3", []string{"dns", "tls", "wireguard"})
			b = tr.AppendStatus(b, &Status{Version: "1.2.3", Time: time.Unix(1e9, 0), Uptime: 90 * time.Second,
				Interval: 15 * time.Second, Cores: 4, Interfaces: []string{"eth0"}, UserCPU: 1.5,
				ResidentBytes: 30 << 20})
			var bytes uint64
			for line := range strings.Lines(string(records)) {
				var f record.Flow
				if err := f.Read([]byte(line)); err != nil {
					t.Fatal(err)
				}
				bytes += f.Client.Bytes + f.Server.Bytes
				b = tr.Append(b, &f)
			}
			for _, m := range read(t, b) {
				if m.Type == "flow_purge" {
					bytes -= m.Flow.TotalBytes
				}
			}
			if bytes != 0 {
				t.Errorf("the totals differ by %d bytes", bytes)
			}
			golden := filepath.Join("testdata", name+".golden")
			if *update {
				if err := os.WriteFile(golden, b, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if want, err := os.ReadFile(golden); err != nil || string(want) != string(b) {
				t.Errorf("not as in %s (%v); -update writes it:\n%s", golden, err, b)
			}
		})
	}
}

// TestOwnIDs: no two names that weir knows share an id, nor is one an id of the Netify agent's.
func TestOwnIDs(t *testing.T) {
	c, err := catalog.Load()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, a := range c.Applications() {
		names = append(names, a.ID)
	}
	for _, p := range protocols.All() {
		if !slices.Contains(names, p.Name) {
			names = append(names, p.Name)
		}
	}
	if len(names) < 2000 {
		t.Fatalf("only %d names", len(names))
	}
	ids := map[uint32]string{}
	for _, name := range names {
		id := ownID(name)
		if other, ok := ids[id]; ok || id < ownIDs || int32(id) < 0 {
			t.Errorf("%s and %s have the id %d", name, other, id)
		}
		ids[id] = name
	}
}

// FuzzAppend: whatever a record says, the frames can be read, and a flow is told of before its end.
func FuzzAppend(f *testing.F) {
	for _, name := range []string{"tls12-nginx", "dhcp-dnsmasq-client", "mdns-avahi"} {
		records, err := os.ReadFile("../../../testdata/" + name + ".ndjson")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(records)
	}
	f.Fuzz(func(t *testing.T, lines []byte) {
		tr := NewTranslator(Options{Unknown: true, Stats: time.Second, MaxFlows: 3})
		told := map[string]bool{}
		for line := range bytes.Lines(lines) {
			var f record.Flow
			if f.Read(line) != nil {
				continue
			}
			for _, m := range read(t, tr.Append(nil, &f)) {
				if m.Type != "flow" && !told[m.Flow.Digest] {
					t.Errorf("%s of a flow that is not known", m.Type)
				}
				told[m.Flow.Digest] = m.Type != "flow_purge"
			}
		}
		if len(tr.flows) > 3 {
			t.Errorf("%d flows", len(tr.flows))
		}
	})
}
