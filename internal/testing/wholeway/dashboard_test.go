// SPDX-License-Identifier: Apache-2.0

//go:build cgo

package wholeway

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/weirnet/weir/internal/testing/lab"
	"github.com/weirnet/weir/internal/testing/lab/program"
	"github.com/weirnet/weir/internal/testing/lab/wait"
)

// dashboard is what this test reads of a dashboard of Grafana.
type dashboard struct {
	SchemaVersion int
	Panels        []struct {
		ID      int
		Type    string
		Title   string
		GridPos struct{ X, Y, W, H int }
		Targets []struct{ Expr string }
	}
	Templating struct {
		List []struct{ Name, Definition string }
	}
}

// TestDashboard: each query of the dashboard, and each alert's, has an answer of a Prometheus that asks a real agent
// and a real sink.
func TestDashboard(t *testing.T) {
	if _, err := exec.LookPath("prometheus"); err != nil {
		lab.Lacks(t, "prometheus is missing (Debian's package prometheus)")
	}
	board := readDashboard(t)
	s := newSystem(t)
	end(s.serving)
	s.serve("--metrics-listen", "127.0.0.1:9168")
	agent := s.watch("--socket", filepath.Join(s.folder, "weir.sock"), "--metrics-listen", "127.0.0.1:9167")
	agent.Await("metrics: http://")
	defer s.talk()()
	p := startPrometheus(t, s)
	for _, v := range board.Templating.List {
		if metric, ok := strings.CutPrefix(v.Definition, "label_values("); ok {
			metric, _, _ = strings.Cut(metric, ",")
			p.await(metric)
		}
	}
	variables := strings.NewReplacer("$__rate_interval", "30s", "$__range", "1m", "$instance", ".*", "$sink", ".*")
	for _, panel := range board.Panels {
		for _, target := range panel.Targets {
			expr := variables.Replace(target.Expr)
			if strings.Contains(expr, "$") {
				t.Errorf("%s: a variable that the dashboard lacks: %s", panel.Title, expr)
			}
			p.await(strings.TrimSuffix(expr, " > 0")) // what is to be seen above 0 only
		}
	}
	var rules struct {
		Groups []struct {
			Rules []struct{ Name, Health, LastError string }
		}
	}
	wait.Until(t, "Prometheus has evaluated all alerts", func() bool {
		if err := p.get("rules", nil, &rules); err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, g := range rules.Groups {
			for _, r := range g.Rules {
				if r.Health == "ok" {
					n++
				} else if r.Health != "unknown" {
					t.Fatalf("%s: %s", r.Name, r.LastError)
				}
			}
		}
		return n >= 12
	})
}

func readDashboard(t *testing.T) *dashboard {
	t.Helper()
	text, err := os.ReadFile("../../../deploy/grafana/weir.json")
	if err != nil {
		t.Fatal(err)
	}
	board := &dashboard{}
	if err := json.Unmarshal(text, board); err != nil {
		t.Fatal(err)
	}
	ids := map[int]bool{}
	for i, one := range board.Panels {
		isEmpty := one.Type != "row" && len(one.Targets) == 0
		if ids[one.ID] || one.Title == "" || isEmpty || one.GridPos.X+one.GridPos.W > 24 {
			t.Errorf("panel %q is broken", one.Title)
		}
		ids[one.ID] = true
		for _, other := range board.Panels[:i] {
			a, b := one.GridPos, other.GridPos
			if a.X < b.X+b.W && b.X < a.X+a.W && a.Y < b.Y+b.H && b.Y < a.Y+a.H {
				t.Errorf("panel %q covers %q", one.Title, other.Title)
			}
		}
	}
	names := regexp.MustCompile(`\$(\w+)`).FindAllStringSubmatch(string(text), -1)
	known := map[string]bool{"__rate_interval": true, "__range": true, "__all": true}
	for _, v := range board.Templating.List {
		known[v.Name] = true
	}
	for _, name := range names {
		if !known[name[1]] {
			t.Errorf("there is no variable $%s", name[1])
		}
	}
	if len(board.Panels) < 20 || board.SchemaVersion < 36 {
		t.Errorf("%d panels, schema %d", len(board.Panels), board.SchemaVersion)
	}
	return board
}

// prometheus is a Prometheus on the system's host.
type prometheus struct {
	t      *testing.T
	client *http.Client
}

func startPrometheus(t *testing.T, s *system) *prometheus {
	t.Helper()
	rules, err := filepath.Abs("../../../deploy/prometheus/alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(s.folder, "prometheus.yml")
	err = os.WriteFile(config, fmt.Appendf(nil, `
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [%s]
scrape_configs:
  - {job_name: weir, static_configs: [{targets: ["127.0.0.1:9167"]}]}
  - {job_name: weir-sink, static_configs: [{targets: ["127.0.0.1:9168"]}]}
`, rules), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	const address = "127.0.0.1:9090"
	program.Start(t, s.host, nil, "prometheus", "--config.file", config, "--storage.tsdb.path",
		filepath.Join(s.folder, "prometheus"), "--web.listen-address", address)
	p := &prometheus{t: t, client: &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (c net.Conn, err error) {
			err = s.host.Do(func() (err error) {
				c, err = new(net.Dialer).DialContext(ctx, "tcp", address)
				return err
			})
			return c, err
		}}}}
	t.Cleanup(p.client.CloseIdleConnections)
	wait.Until(t, "Prometheus answers", func() bool { return p.get("status/buildinfo", nil, new(any)) == nil })
	return p
}

// get asks the HTTP API.
func (p *prometheus) get(path string, query url.Values, data any) error {
	r, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet,
		"http://prometheus/api/v1/"+path+"?"+query.Encode(), nil)
	if err != nil {
		return err
	}
	answer, err := p.client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	var body struct {
		Status, Error string
		Data          json.RawMessage
	}
	if err := json.NewDecoder(answer.Body).Decode(&body); err != nil {
		return err
	}
	if body.Status != "success" {
		return fmt.Errorf("%s: %s", query.Get("query"), body.Error)
	}
	return json.Unmarshal(body.Data, data)
}

// await waits until an expression has a value.
func (p *prometheus) await(expr string) {
	p.t.Helper()
	wait.Until(p.t, expr+" has a value", func() bool {
		var data struct{ Result []json.RawMessage }
		if err := p.get("query", url.Values{"query": {expr}}, &data); err != nil {
			p.t.Fatal(err)
		}
		return len(data.Result) > 0
	})
}
