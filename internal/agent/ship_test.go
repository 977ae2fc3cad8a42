// SPDX-License-Identifier: Apache-2.0

package agent_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/ship/compress"
	"github.com/weirnet/weir/internal/ship/enrol"
	"github.com/weirnet/weir/internal/ship/spool"
	"github.com/weirnet/weir/internal/testing/lab/program"
	"github.com/weirnet/weir/internal/testing/lab/wait"
	"github.com/weirnet/weir/internal/uplink"
)

// enrolled makes the state folder of an agent whose sink is away.
func enrolled(t *testing.T) (folder string) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	sink, err := json.Marshal(enrol.Sink{URL: "https://127.0.0.1:9", Agent: uplink.AgentID(public), Name: "gateway"})
	if err != nil {
		t.Fatal(err)
	}
	folder = t.TempDir()
	if err := os.Mkdir(filepath.Join(folder, "uplink"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"key.pem": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY",
		Bytes: der}), "sink.json": sink} {
		if err := os.WriteFile(filepath.Join(folder, "uplink", name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// spooled reads the reports in a spool that no process has open.
func spooled(t *testing.T, folder string) (text string, s spool.Stats) {
	t.Helper()
	waiting, err := spool.Open(filepath.Join(folder, "spool"), spool.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer waiting.Close()
	all, err := waiting.Oldest(1<<20, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	for i := range all {
		line, err := compress.Decompress(all[i].Body, all[i].Encoding, uplink.MaxReports)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(line)
	}
	return b.String(), waiting.Stats()
}

// shipPID returns the process that stores reports, other than the last one.
func (r *run) shipPID(last int) (pid int) {
	r.T.Helper()
	wait.Until(r.T, "weir has a process ship", func() bool {
		for _, child := range program.Children(r.PID()) {
			name, _ := os.ReadFile(filepath.Join("/proc", strconv.Itoa(child), "comm"))
			if strings.TrimSpace(string(name)) == "weir-ship" && child != last {
				pid = child
			}
		}
		return pid != 0
	})
	return pid
}

// TestShipIsKilled: whenever the process that stores reports dies, each report is stored once, and none is missing.
func TestShipIsKilled(t *testing.T) {
	weir(t)
	schema := reportSchema(t)
	h := quietHost(t, 1)
	folder := enrolled(t)
	r := shipping(t, h, folder, "none")
	last := 0
	for round := range 6 {
		r.traffic()
		last = r.shipPID(last)
		if round%2 == 0 { // else at its start
			wait.Until(t, "ship has stored a report", func() bool {
				n, _, _ := spool.Waiting(filepath.Join(folder, "spool"))
				return n > round
			})
			time.Sleep(time.Duration(round) * 130 * time.Millisecond) // the moment is what is tested
		}
		if err := unix.Kill(last, unix.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	arrived := r.arrived()
	r.shipPID(last)
	r.end()
	text, stats := spooled(t, folder)
	all := reports(t, schema, text)
	for i := range all {
		if all[i].Sequence != uint64(i+1) || all[i].Last != (i == len(all)-1) {
			t.Errorf("report %d of %d has sequence %d, last %v", i+1, len(all), all[i].Sequence, all[i].Last)
		}
	}
	if got := sum(all); got.packets != arrived || len(all) < 6 || stats.Untold > 0 {
		t.Errorf("%d reports have %d packets, %d came in; %d reports are lost", len(all), got.packets, arrived,
			stats.Untold)
	}
}

// TestSpoolIsInUse: while the spool belongs to another process, weir counts, and its first interval goes on. Then the
// first report tells of all.
func TestSpoolIsInUse(t *testing.T) {
	weir(t)
	schema := reportSchema(t)
	h := quietHost(t, 1)
	folder := enrolled(t)
	other, err := spool.Open(filepath.Join(folder, "spool"), spool.Config{})
	if err != nil {
		t.Fatal(err)
	}
	r := shipping(t, h, folder, "none")
	r.traffic()
	arrived := r.arrived()
	status := func() string {
		text, _ := h.Run(context.Background(), weir(t), "status", "--json", "--socket", r.socket, "--state-dir", folder)
		return text
	}
	wait.Until(t, "weir runs for two intervals without the spool", func() bool {
		var s struct {
			Running struct {
				Seconds int
				Uplink  struct{ Ready bool }
			}
		}
		return json.Unmarshal([]byte(status()), &s) == nil && s.Running.Seconds >= 2 && !s.Running.Uplink.Ready
	})
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	wait.Until(t, "a report is stored", func() bool {
		n, _, _ := spool.Waiting(filepath.Join(folder, "spool"))
		return n > 0
	})
	r.end()
	text, _ := spooled(t, folder)
	all := reports(t, schema, text)
	if got := sum(all); got.packets != arrived || all[0].Sequence != 1 || len(all) < 2 {
		t.Errorf("%d reports from %d on have %d packets, %d came in", len(all), all[0].Sequence, got.packets, arrived)
	}
}
