// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/sink/api"
	"github.com/weirnet/weir/internal/sink/control"
	"github.com/weirnet/weir/internal/sink/store"
)

var now = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// sink answers what it is told to.
type sink struct {
	status   string
	enrolled []control.Agent
	reported []store.Agent
	err      error
}

func (s *sink) Get(_ context.Context, path, _ string) ([]byte, error) {
	if s.err != nil {
		return nil, s.err
	}
	if path == "/api/v1/status" {
		return []byte(s.status), nil
	}
	for i := range s.reported {
		s.reported[i].Health, s.reported[i].Interfaces = json.RawMessage("{}"), json.RawMessage("[]")
	}
	return json.Marshal(api.AgentsAnswer{Now: now, Rows: s.reported})
}

func (s *sink) Agents(context.Context) ([]control.Agent, error) { return s.enrolled, s.err }

// folder makes a data folder whose certificate ends then.
func folder(t *testing.T, ends time.Time) string {
	t.Helper()
	path := t.TempDir()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: ends}
	certificate, err := x509.CreateCertificate(nil, &template, &template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(path, "tls", "server.pem"), 0o600,
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}))
	write(t, filepath.Join(path, "tls", "ca.key"), 0o600, nil)
	write(t, filepath.Join(path, "store", "weir.duckdb"), 0o600, make([]byte, 2e6))
	return path
}

func write(t *testing.T, path string, mode os.FileMode, content []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func healthy() *sink {
	return &sink{
		status:   `{"version":"1.2","queue":{"reports":3,"bytes":2000000}}`,
		enrolled: []control.Agent{{ID: "a", Name: "home"}},
		reported: []store.Agent{{Agent: "a", Received: now.Add(-10 * time.Second),
			LastReport: now.Add(-10 * time.Second)}},
	}
}

func TestAllIsWell(t *testing.T) {
	var lines []string
	for _, f := range Examine(t.Context(), folder(t, now.Add(100*24*time.Hour)), healthy(), now) {
		if f.What == "clock" || f.What == "disk" { // this machine's
			continue
		}
		if !f.IsGood() {
			t.Errorf("%s", f.String())
		}
		lines = append(lines, f.String())
	}
	all := strings.Join(lines, "\n")
	for _, want := range []string{"ok    data folder: /", "ok    certificate: ends 2027-03-10", "ok    store: 2.0 MB",
		"ok    sink: runs 1.2", "ok    queue: 3 reports, 2.0 MB", "ok    agent home: reported 10s ago"} {
		if !strings.Contains(all, want) {
			t.Errorf("no %q in\n%s", want, all)
		}
	}
}

// TestEachFault: each fault has its finding, with what to do; the others stay good.
func TestEachFault(t *testing.T) {
	for _, c := range []struct {
		name           string
		ends           time.Duration
		spoil          func(path string, s *sink)
		what, text, do string
	}{
		{"certificate ends soon", 24 * time.Hour, func(string, *sink) {}, "certificate", "ends 2026-12-01",
			"Start the sink"},
		{"key open to all", 0, func(path string, _ *sink) {
			write(t, filepath.Join(path, "tls", "ca.key"), 0o644, nil)
		},
			"data folder", "has mode 0644", "chmod 600"},
		{"no certificate in its file", 0, func(path string, _ *sink) {
			write(t, filepath.Join(path, "tls", "server.pem"), 0o600, []byte("x"))
		}, "certificate", "holds no certificate", "Remove it"},
		{"no sink", 0, func(_ string, s *sink) { s.err = errors.New("no sink runs") }, "sink", "no sink runs",
			"Start it"},
		{"no right", 0, func(_ string, s *sink) { s.err = fmt.Errorf("no right (%w)", fs.ErrPermission) }, "sink",
			"no right", "as the user of the sink"},
		{"strange status", 0, func(_ string, s *sink) { s.status = "[]" }, "sink", "its status",
			"weir-sink that also runs"},
		{"store fails", 0, func(_ string, s *sink) {
			s.status = `{"queue":{"reports":1},"store_failures":5}`
		}, "queue", "the store failed 5 times", "log"},
		{"long queue", 0, func(_ string, s *sink) { s.status = `{"queue":{"reports":257}}` }, "queue", "257 reports",
			"slower"},
		{"damaged queue", 0, func(_ string, s *sink) { s.status = `{"queue":{"bytes_damaged":1500000}}` }, "queue",
			"1.5 MB could not be read", "Check the disk"},
		{"no agents", 0, func(_ string, s *sink) { s.enrolled = nil }, "agents", "none has enrolled",
			"agent enrol NAME"},
		{"silent agent", 0, func(_ string, s *sink) { s.reported = nil }, "agent home", "has not reported", "weir run"},
		{"late agent", 0, func(_ string, s *sink) { s.reported[0].Received = now.Add(-time.Minute) }, "agent home",
			"1m0s ago",
			"weir status"},
		{"agent's clock", 0, func(_ string, s *sink) { s.reported[0].LastReport = now.Add(2 * time.Minute) },
			"agent home",
			"its clock is 2m10s ahead", "NTP"},
		{"missing reports", 0, func(_ string, s *sink) { s.reported[0].Missing = 4 }, "agent home",
			"4 reports are missing",
			"weir status"},
		{"drops", 0, func(_ string, s *sink) { s.reported[0].Drops = 9 }, "agent home", "lost 9", "weir status"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ends := c.ends
			if ends == 0 {
				ends = 100 * 24 * time.Hour
			}
			path, s := folder(t, now.Add(ends)), healthy()
			c.spoil(path, s)
			var bad []Finding
			for _, f := range Examine(t.Context(), path, s, now) {
				if !f.IsGood() && f.What != "clock" && f.What != "disk" {
					bad = append(bad, f)
				}
			}
			if len(bad) != 1 || bad[0].What != c.what || !strings.Contains(bad[0].Text, c.text) ||
				!strings.Contains(bad[0].Do, c.do) || !strings.HasPrefix(bad[0].String(), "FAIL  ") {
				t.Errorf("%+v", bad)
			}
		})
	}
}

func TestRevokedAgentsDoNotMatter(t *testing.T) {
	s := healthy()
	s.enrolled = append(s.enrolled, control.Agent{ID: "b", Name: "old", Revoked: &now})
	for _, f := range checkRunning(t.Context(), s) {
		if !f.IsGood() {
			t.Error(f.String())
		}
	}
}

func TestDiskAndClock(t *testing.T) {
	if f := space(minFree); !f.IsGood() || f.Text != "1.1 GB free" {
		t.Errorf("%+v", f)
	}
	if f := space(minFree - 1); f.IsGood() {
		t.Errorf("%+v", f)
	}
	if f := clock(unix.TIME_OK, nil); !f.IsGood() {
		t.Errorf("%+v", f)
	}
	if f := clock(unix.TIME_ERROR, nil); f.IsGood() || !strings.Contains(f.Do, "NTP") {
		t.Errorf("%+v", f)
	}
	if f := clock(0, unix.EPERM); !f.IsGood() || !strings.Contains(f.Text, "unknown") {
		t.Errorf("%+v", f)
	}
	missing := filepath.Join(t.TempDir(), "none")
	for _, f := range []Finding{checkFolder(missing), checkSpace(missing)} {
		if f.IsGood() || !strings.Contains(f.Do, "--data") {
			t.Errorf("%+v", f)
		}
	}
}
