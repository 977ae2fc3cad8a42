// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weirnet/weir/internal/control"
	"github.com/weirnet/weir/internal/metric"
	"github.com/weirnet/weir/internal/testing/lab"
)

// sample returns what an agent tells that has all that can be measured.
func sample() *control.Metrics {
	var s metric.Snapshot
	for id := range metric.All() {
		s.Add(id, uint64(id)+1)
	}
	return &control.Metrics{Mode: "ebpf", Seconds: 12.5, Live: 7, Readings: s.All(),
		Traffic: []control.Traffic{
			{By: control.TrafficByDirection, Name: "outbound", Flows: 1, Packets: 2, Upload: 3, Download: 4},
			{By: control.TrafficByProtocol, Name: "TLS", Flows: 5, Packets: 6, Upload: 7, Download: 8},
			{By: control.TrafficByApplication, Name: "a\"b\\c\nd\xff", Flows: 9, Packets: 10, Upload: 11, Download: 12},
		},
		Interfaces: []control.InterfaceMetrics{{Name: "lan0", Role: "lan", RxBytes: 1, RxPackets: 2, RxDropped: 3,
			TxBytes: 4, TxPackets: 5, TxDropped: 6}, {Name: "wan0"}},
		Processes: []control.ProcessMetrics{{Name: "agent", UserSeconds: 0.125, SystemSeconds: 0.125,
			ResidentBytes: 1 << 20}},
		Queues: []control.QueueMetrics{{Name: "handovers", Length: 1, Limit: 64}},
		Uplink: &control.Uplink{Ready: true, Connected: true, Queued: 1, SpoolBytes: 2, Lost: 3, Refused: 4},
	}
}

// TestPromtool: Prometheus's own checker finds nothing, neither in the syntax nor in the names.
func TestPromtool(t *testing.T) {
	if _, err := exec.LookPath("promtool"); err != nil {
		lab.Lacks(t, "promtool is missing (Debian's package prometheus)")
	}
	check := exec.Command("promtool", "check", "metrics")
	check.Stdin = bytes.NewReader(Append(nil, sample(), "1.2.3", false))
	if out, err := check.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v\n%s", err, out)
	}
}

var line = regexp.MustCompile(`^(weir_[a-z_]+)(?:\{((?:[a-z]+="(?:[^"\\\n]|\\[\\"n])*",?)+)\})? [0-9.e+-]+$`)

// TestFormats: each family of the list is there once, with its head before its values, in both formats.
func TestFormats(t *testing.T) {
	for _, isOpen := range []bool{false, true} {
		text := string(Append(nil, sample(), "1.2.3", isOpen))
		if strings.HasSuffix(text, "# EOF\n") != isOpen {
			t.Errorf("end: %q", text[len(text)-50:])
		}
		seen, family := map[string]bool{}, ""
		for l := range strings.Lines(strings.TrimSuffix(text, "# EOF\n")) {
			l = strings.TrimSuffix(l, "\n")
			if rest, isHelp := strings.CutPrefix(l, "# HELP "); isHelp {
				family, _, _ = strings.Cut(rest, " ")
				if seen[family] {
					t.Errorf("%s twice", family)
				}
				seen[family] = true
				continue
			}
			if strings.HasPrefix(l, "# TYPE "+family+" ") {
				continue
			}
			m := line.FindStringSubmatch(l)
			if m == nil || m[1] != family && m[1] != family+"_total" {
				t.Errorf("in %s: %q", family, l)
			}
		}
		for _, f := range metric.Families() {
			name := f.Name
			if isOpen {
				name = strings.TrimSuffix(name, "_total")
			}
			if !seen[name] {
				t.Errorf("%s is missing", name)
			}
			delete(seen, name)
		}
		if len(seen) > 0 {
			t.Errorf("not in the list: %v", seen)
		}
		for _, want := range []string{
			`weir_application_bytes_total{application="a\"b\\c\nd` + "\ufffd" + `",way="download"} 12` + "\n",
			`weir_build_info{version="1.2.3",mode="ebpf"} 1` + "\n", "weir_uptime_seconds 12.5\n",
			`weir_interface_packets_total{interface="lan0",role="lan",way="sent"} 5` + "\n",
			`weir_capture_lost_packets_total{cause="ring-full"} `,
		} {
			if !strings.Contains(text, want) {
				t.Errorf("%q is missing", want)
			}
		}
	}
}

// TestFamilies: names and help of the list are as Prometheus's conventions want them.
func TestFamilies(t *testing.T) {
	label := regexp.MustCompile(`^[a-z]+$`)
	names := map[string]bool{}
	for _, f := range metric.Families() {
		isCounter := strings.HasSuffix(f.Name, "_total")
		if names[f.Name] || isCounter != (f.Type == metric.TypeCounter) || f.Help == "" ||
			slices.ContainsFunc(f.Labels, func(l string) bool { return !label.MatchString(l) }) {
			t.Errorf("%+v", f)
		}
		names[f.Name] = true
		isOfList := false
		for _, c := range metric.All() {
			isOfList = isOfList || c.Name == f.Name
		}
		if isOfList == (writers[f.Name] != nil) {
			t.Errorf("%s: in the list of counters %t, with a writer %t", f.Name, isOfList, writers[f.Name] != nil)
		}
	}
	for name := range writers {
		if !names[name] {
			t.Errorf("%s is in no list", name)
		}
	}
}

func TestOpenMetricsIsNegotiated(t *testing.T) {
	const open = "application/openmetrics-text"
	for accept, want := range map[string]bool{
		"": false, "*/*": false, "text/plain;version=0.0.4": false, open: true,
		open + "; version=1.0.0; charset=utf-8":                                    true,
		open + ";version=1.0.0," + open + ";version=0.0.1;q=0.75,text/plain;q=0.5": true,
		open + ";version=0.0.1;q=0.75":                                             false,
		open + ";q=0":                                                              false,
		open + ";q=x":                                                              false,
		"text/plain, Application/OpenMetrics-Text; q=0.1":                          true,
	} {
		if wantsOpenMetrics(accept) != want {
			t.Errorf("%q: %t", accept, !want)
		}
	}
}

// asked answers as an agent does, and counts the questions.
type asked struct {
	metrics *control.Metrics
	err     error
	n       int
}

func (a *asked) ask(r *control.Request) (*control.Answer, error) {
	a.n++
	if a.err != nil || !r.Metrics {
		return nil, a.err
	}
	text, err := json.Marshal(a.metrics)
	return &control.Answer{Metrics: text}, err
}

func TestRequests(t *testing.T) {
	healthy := sample()
	unwatched, starting := sample(), sample()
	unwatched.Interfaces, starting.Uplink.Ready = nil, false
	for _, c := range []struct {
		listen, method, path, host, accept string
		agent                              asked
		status                             int
		kind, says                         string
	}{
		{path: "/metrics", status: 200, kind: textType, says: "# HELP weir_frames_total "},
		{path: "/metrics", accept: "application/openmetrics-text", status: 200, kind: openMetricsType, says: "# EOF"},
		{path: "/metrics", method: "HEAD", status: 200, kind: textType},
		{path: "/metrics", agent: asked{err: errors.New("no \x1b weir")}, status: 503, says: `no \x1b weir`},
		{path: "/healthz", status: 200, says: "ok\n"},
		{path: "/healthz", agent: asked{err: errors.New("no weir")}, status: 503, says: "no weir"},
		{path: "/readyz", status: 200, says: "ok\n"},
		{path: "/readyz", agent: asked{metrics: unwatched}, status: 503, says: "no interface"},
		{path: "/readyz", agent: asked{metrics: starting}, status: 503, says: "uplink"},
		{path: "/healthz", agent: asked{metrics: unwatched}, status: 200, says: "ok\n"},
		{path: "/", status: 200, says: "/metrics"},
		{path: "/other", status: 404},
		{path: "/metrics/../metrics", status: 404},
		{path: "/metrics", method: "POST", status: 405},
		{path: "/healthz", method: "OPTIONS", status: 405},
		{path: "/metrics", host: "evil.example", status: 421},
		{path: "/metrics", host: "localhost:9167", status: 200},
		{path: "/metrics", host: "[::1]:9167", status: 200},
		{path: "/metrics", host: "gateway.example:9167", listen: "192.0.2.1:9167", status: 200},
	} {
		if c.agent.metrics == nil {
			c.agent.metrics = healthy
		}
		if c.listen == "" {
			c.listen = "127.0.0.1:9167"
		}
		s := &Server{Listen: c.listen, Version: "1.2.3"}
		r := httptest.NewRequest(c.method, "http://127.0.0.1:9167"+c.path, nil)
		if c.host != "" {
			r.Host = c.host
		}
		r.Header.Set("Accept", c.accept)
		w := httptest.NewRecorder()
		s.Handler(c.agent.ask).ServeHTTP(w, r)
		if w.Code != c.status || c.kind != "" && w.Header().Get("Content-Type") != c.kind ||
			!strings.Contains(w.Body.String(), c.says) {
			t.Errorf("%+v: %d, %v, %.200q", c, w.Code, w.Header(), w.Body)
		}
	}
}

// TestAnswersAreKept: many clients within a second cost the agent one answer.
func TestAnswersAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		agent := asked{metrics: sample()}
		s := &Server{Listen: "127.0.0.1:1"}
		h := s.Handler(agent.ask)
		get := func() int {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest("GET", "http://127.0.0.1/metrics", nil))
			return w.Code
		}
		for range 100 {
			get()
		}
		if agent.n != 1 {
			t.Errorf("%d questions", agent.n)
		}
		time.Sleep(fresh)
		agent.err = errors.New("gone")
		for range 2 {
			if code := get(); code != 503 || agent.n != 2 {
				t.Errorf("status %d, %d questions after the agent's end", code, agent.n)
			}
		}
	})
}
