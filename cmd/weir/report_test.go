// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/weirnet/weir/internal/metric"
	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/record"
	"github.com/weirnet/weir/internal/report"
)

// twoReports returns two reports of a flow.
func twoReports() string {
	r := report.New(report.Config{Agent: report.ID{1}, Epoch: report.ID{2}, Version: "1.2", MaxFlows: 10})
	f := &record.Flow{State: record.StateNew, Proto: packet.ProtoTCP, IPVersion: 4, Protocol: "tls",
		Application: "netflix", Hostname: []byte("www.\x1b[31mexample"),
		Client: record.Endpoint{Addr: netip.MustParseAddrPort("192.0.2.1:40000"), Packets: 3, Bytes: 700},
		Server: record.Endpoint{Addr: netip.MustParseAddrPort("[2001:db8::7]:443"), Packets: 1, Bytes: 300}}
	copy(f.ID[:], strings.Repeat("0", len(f.ID)))
	s := &report.State{At: report.Instant{Monotonic: 15e9}, Mode: "ebpf", Interfaces: []report.Interface{{Index: 1,
		Name: "lan0", Role: "lan"}}, Processes: []report.Process{{Name: "agent", UserTime: time.Second}}}
	s.Counters.Add(metric.Uncounted, 9)
	r.Flow(f)
	all := string(r.Close(s))
	f.State, f.EndReason, f.Server.Bytes, f.Server.Packets = record.StateEnd, record.EndClosed, 1300, 2
	s.At.Monotonic, s.IsLast, s.Interfaces[0].Received = 30e9, true, report.Link{Packets: 5, Bytes: 1200, Missed: 2,
		Traffic: &packet.Traffic{IPv4: packet.Volume{Packets: 3, Bytes: 1000},
			IPv6: packet.Volume{Packets: 1, Bytes: 90}, NotIP: 1, TCP: 3, ICMP: 1, Fragments: 2, Largest: 1514}}
	s.Interfaces[0].Sent.Traffic = &packet.Traffic{}
	s.Interfaces[0].Networks = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"),
		netip.MustParsePrefix("2001:db8:1::/64")}
	r.Flow(f)
	return all + string(r.Close(s))
}

func TestReportText(t *testing.T) {
	status, out, errs := weir("report", file(t, "reports.ndjson", []byte(twoReports())))
	const head = ` of agent 01000000000000000000000000000000 (weir 1.2), ` +
		`1970-01-01T00:00:00Z to 1970-01-01T00:00:00Z (15s), mode ebpf` + "\n"
	const want = "report 1" + head + `  process agent: 1s of CPU time, 0 B of memory
  interface lan0 (lan): received 0 packets, 0 B; sent 0 packets, 0 B
  9 packets lost: neither a flow counter was free nor room in the ring
  applications: netflix 1.00 kB in 1 flows
  protocols: tls 1.00 kB in 1 flows
  categories: (none) 1.00 kB in 1 flows
  flow tcp 192.0.2.1:40000 to [2001:db8::7]:443 tls netflix www.\x1b[31mexample: 4 packets, 1.00 kB; new here
` + "report 2" + head + `  the agent ended: it is the last one
  process agent: 0s of CPU time, 0 B of memory
  interface lan0 (lan): received 5 packets, 1.20 kB; sent 0 packets, 0 B; 2 missed
    networks 192.0.2.0/24, 2001:db8:1::/64
    received IPv4 3 packets, 1.00 kB; IPv6 1 packets, 90 B; 3 TCP, 1 ICMP, 1 not IP, 2 fragments; at most 1514 bytes
  applications: netflix 1.00 kB in 1 flows
  protocols: tls 1.00 kB in 1 flows
  categories: (none) 1.00 kB in 1 flows
  flow tcp 192.0.2.1:40000 to [2001:db8::7]:443 tls netflix www.\x1b[31mexample: 1 packets, 1.00 kB; ended: closed
`
	if status != exitOK || errs != "" || out != want {
		t.Errorf("status %d, %s\ngot:\n%s\nwant:\n%s", status, errs, out, want)
	}
}

// TestReportHostile: texts of a file reach the terminal without an escape.
func TestReportHostile(t *testing.T) {
	line := `{"type":"report","schema":1,"sequence":1,"agent":{"id":"\u001b]0;x\u0007"},"health":{"mode":"\u001b[2J",` +
		`"counters":[{"name":"\u001bc","more":1}],"processes":[{"name":"\u001bc"}]},"interfaces":[{"name":"\u001bc",` +
		`"role":"\u202e","networks":["\u001bc"],"sent":{"traffic":{"largest":1}}}],` +
		`"totals":{"protocols":[{"name":"\u001bc"}]},"devices":[{"mac":"\u001bc","names":[{"name":` +
		`"\u009b"}]}],"flows":[{"type":"flow","id":"\u001b","hostname":"\u001bc` + strings.Repeat("x", 9000) + `"}]}`
	status, out, _ := weir("report", file(t, "reports.ndjson", []byte(line)))
	if status != exitOK || strings.ContainsAny(out, "\x1b\x07\u009b\u202e") || len(out) > 2000 {
		t.Errorf("status %d: %q", status, out)
	}
}

func TestReportJSON(t *testing.T) {
	all := twoReports()
	name := file(t, "reports.ndjson", []byte(all))
	if status, out, errs := weir("report", "--output", "json", name); status != exitOK || out != all {
		t.Errorf("status %d, %s\n%s", status, errs, out)
	}
	name = file(t, "cut.ndjson", []byte(all[:len(all)-9]))
	status, out, errs := weir("report", "-o", "json", name)
	first, _, _ := strings.Cut(all, "\n")
	if status != exitPartial || out != first+"\n" || errs != "weir: "+name+": line 2: the report breaks off\n" {
		t.Errorf("status %d, %s\n%s", status, errs, out)
	}
}

func TestReportUsage(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"report"}, "needs an argument"},
		{[]string{"report", "/nonexistent"}, "no such file"},
		{[]string{"report", "-o", "yaml", "-"}, "must be text or json"},
	} {
		if status, _, errs := weir(c.args...); status != exitUsage || !strings.Contains(errs, c.want) {
			t.Errorf("%q: status %d, %s", c.args, status, errs)
		}
	}
}
