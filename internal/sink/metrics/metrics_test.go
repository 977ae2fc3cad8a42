// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/weirnet/weir/internal/sink/status"
	"github.com/weirnet/weir/internal/sink/store"
	"github.com/weirnet/weir/internal/testing/lab"
)

// sample is a sink with two agents, of which one is silent.
func sample(t *testing.T) (*Sink, *error) {
	var failed error
	c := &status.Counters{}
	c.Requests.Store(7)
	c.Received.Store(6)
	c.Stored.Store(5)
	c.Refuse(status.CauseClock)
	for _, took := range []time.Duration{time.Millisecond, 70 * time.Millisecond, time.Minute} {
		c.Storing.Add(took)
	}
	return &Sink{Version: "1.2.3", Folder: t.TempDir(), Counters: c,
		Queue: func() (reports, bytes int64) { return 3, 4096 },
		Agents: func(context.Context) ([]store.Agent, error) {
			return []store.Agent{{Agent: "a9f4c1d2e3b40596a7b8c9d0e1f20314", Received: time.Now(), Missing: 2},
				{Agent: "0b1c2d3e4f5061728394a5b6c7d8e9f0", Received: time.Now().Add(-time.Minute)}}, failed
		}}, &failed
}

func get(h http.Handler, path string) (status int, body string) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://127.0.0.1"+path, nil))
	return w.Code, w.Body.String()
}

// TestMetrics: each family has its values, Prometheus' own checker finds no fault, and no agent is named.
func TestMetrics(t *testing.T) {
	s, _ := sample(t)
	code, text := get(Handler("127.0.0.1:9168", s), "/metrics")
	if code != http.StatusOK {
		t.Fatalf("%d: %s", code, text)
	}
	for _, line := range []string{`weir_sink_info{version="1.2.3"} 1`, "weir_sink_requests_total 7",
		`weir_sink_reports_total{state="stored"} 5`, `weir_sink_refused_total{cause="clock"} 1`,
		`weir_sink_refused_total{cause="signature"} 0`, "weir_sink_queue_reports 3", "weir_sink_queue_bytes 4096",
		`weir_sink_store_seconds_bucket{le="0.01"} 1`, `weir_sink_store_seconds_bucket{le="15"} 2`,
		`weir_sink_store_seconds_bucket{le="+Inf"} 3`, "weir_sink_store_seconds_sum 60.071",
		`weir_sink_agents{state="reporting"} 1`, `weir_sink_agents{state="silent"} 1`, "weir_sink_reports_missing 2",
		"weir_sink_store_up 1"} {
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("there is no line %q", line)
		}
	}
	if strings.Contains(text, "a9f4c1d2") || strings.Contains(text, s.Folder) {
		t.Error("an agent or a file is named")
	}
	described := make(chan *prometheus.Desc, 100)
	s.Describe(described)
	close(described)
	for d := range described {
		name := regexp.MustCompile(`fqName: "([a-z_]+)"`).FindStringSubmatch(d.String())[1]
		if !strings.Contains(text, "# TYPE "+name+" ") {
			t.Errorf("%s has no value", name)
		}
	}
	if _, err := exec.LookPath("promtool"); err != nil {
		lab.Lacks(t, "promtool is missing (Debian's package prometheus)")
	}
	check := exec.Command("promtool", "check", "metrics")
	check.Stdin = strings.NewReader(text)
	if out, err := check.CombinedOutput(); err != nil {
		t.Errorf("promtool: %v\n%s", err, out)
	}
}

// TestBroken: a database that does not answer makes the sink unready, and leaves the rest of its metrics.
func TestBroken(t *testing.T) {
	s, failed := sample(t)
	h := Handler("127.0.0.1:9168", s)
	for _, path := range []string{"/readyz", "/healthz", "/"} {
		if code, text := get(h, path); code != http.StatusOK {
			t.Errorf("%s: %d, %s", path, code, text)
		}
	}
	*failed = errors.New("no file /var/lib/secret")
	if code, text := get(h, "/readyz"); code != http.StatusServiceUnavailable || strings.Contains(text, "/var") {
		t.Errorf("%d, %s", code, text)
	}
	code, text := get(h, "/metrics")
	if code != http.StatusOK || !strings.Contains(text, "weir_sink_store_up 0\n") ||
		!strings.Contains(text, "weir_sink_queue_reports 3\n") || strings.Contains(text, "weir_sink_agents{") {
		t.Errorf("%d, %s", code, text)
	}
	if code, _ := get(h, "/other"); code != http.StatusNotFound {
		t.Errorf("another path: %d", code)
	}
}

// TestRulesKnowTheMetrics: the sink has each of its metrics that an alert names, and docs/OPERATING.md lists all.
func TestRulesKnowTheMetrics(t *testing.T) {
	s, _ := sample(t)
	_, text := get(Handler("127.0.0.1:9168", s), "/metrics")
	rules, err := os.ReadFile("../../../deploy/prometheus/alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile(`\bweir_sink_[a-z_]+`).FindAllString(string(rules), -1)
	if len(names) < 5 {
		t.Errorf("the rules name %q", names)
	}
	for _, name := range names {
		if !strings.Contains(text, "\n"+name) {
			t.Errorf("there is no metric %s", name)
		}
	}
	docs, err := os.ReadFile("../../../docs/OPERATING.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range regexp.MustCompile(`# TYPE (weir_sink_[a-z_]+) `).FindAllStringSubmatch(text, -1) {
		if !strings.Contains(string(docs), "`"+family[1]+"`") {
			t.Errorf("docs/OPERATING.md does not have %s", family[1])
		}
	}
}
