// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirnet/weir/internal/record"
	"github.com/weirnet/weir/internal/report"
	"github.com/weirnet/weir/internal/ship/compress"
	"github.com/weirnet/weir/internal/ship/spool"
)

// reportsOfAFlow are a flow's first report, and that of its end.
func reportsOfAFlow(t *testing.T) (lines [][]byte) {
	t.Helper()
	var f record.Flow
	all := bytes.Split(mustRead(t, "../../testdata/tls13-nginx.ndjson"), []byte("\n"))
	i := slices.IndexFunc(all, func(line []byte) bool { return bytes.Contains(line, []byte(`"protocol":"tls"`)) })
	if err := f.Read(all[i]); err != nil {
		t.Fatal(err)
	}
	r := report.New(report.Config{Version: "test", MaxFlows: 100})
	r.Begin(report.Instant{Wall: 1, Monotonic: 1}, "")
	f.State, f.EndReason = record.StateNew, record.NotEnded
	for second := 2; second < 4; second++ {
		r.Flow(&f)
		now := report.Instant{Wall: int64(second) * 1e9, Monotonic: int64(second) * 1e9}
		lines = append(lines, bytes.Clone(r.Close(&report.State{At: now, Mode: "ebpf", Uptime: time.Second})))
		f.State, f.EndReason = record.StateEnd, record.EndClosed
		f.Server.Bytes += 1000
	}
	return lines
}

// TestFlowsOfReports: reports, in a file and in a spool that another process uses, show each flow whole.
func TestFlowsOfReports(t *testing.T) {
	reports := reportsOfAFlow(t)
	folder := t.TempDir()
	s, err := spool.Open(folder, spool.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var c compress.Compressor
	_, next := s.Identity()
	for i, line := range reports {
		if err := s.Put(next+uint64(i), c.Compress(nil, line, compress.Zstd), compress.Zstd); err != nil {
			t.Fatal(err)
		}
	}
	const whole = "new\t\twww.example.com\t1.3\nend\tclosed\twww.example.com\t1.3\n"
	fields := []string{"flows", "--fields", "state,end_reason,hostname,tls.version"}
	for name, source := range map[string]string{"a file": file(t, "reports", slices.Concat(reports...)),
		"a spool": folder} {
		status, out, stderr := weir(append(fields, source)...)
		if status != 0 || out != whole || stderr != "" {
			t.Errorf("%s: status %d\n%s%s", name, status, out, stderr)
		}
	}
	status, out, stderr := weir(append(fields, file(t, "second", reports[1]))...)
	if status != 0 || out != "" || !strings.Contains(stderr, "1 changes are of flows whose records are in earlier") {
		t.Errorf("the second report alone: status %d\n%s%s", status, out, stderr)
	}
	status, out, stderr = weir(append(fields, file(t, "damaged.report", []byte("weir, damaged")))...)
	if status != 1 || out != "" || !strings.Contains(stderr, "damaged.report: read a spooled report: damaged") {
		t.Errorf("a damaged file: status %d\n%s%s", status, out, stderr)
	}
	status, out, stderr = weir(append(fields, t.TempDir())...)
	if status != 2 || out != "" || !strings.Contains(stderr, "no reports wait in this folder") {
		t.Errorf("an empty folder: status %d\n%s%s", status, out, stderr)
	}
}
