// SPDX-License-Identifier: Apache-2.0

package agent_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/ship/compress"
	"github.com/weirnet/weir/internal/ship/enrol"
	"github.com/weirnet/weir/internal/ship/spool"
	"github.com/weirnet/weir/internal/testing/lab"
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

// TestShipsUser: ship has a user of its own, who owns the spool, also one that root has filled before. A weir that is
// not root, and so has no other user to give, works with its own.
func TestShipsUser(t *testing.T) {
	if _, err := exec.LookPath("setpriv"); err != nil {
		lab.Lacks(t, "setpriv is missing")
	}
	const rights = "-all,+bpf,+net_admin,+net_raw,+perfmon"
	schema := reportSchema(t)
	for name, c := range map[string]struct {
		owner uint32
		user  uint32 // ship's
		by    []string
	}{
		"root": {0, 65533, nil},
		"another user": {65534, 65534, []string{"setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups",
			"--bounding-set", rights, "--inh-caps", rights, "--ambient-caps", rights}},
	} {
		t.Run(name, func(t *testing.T) {
			h := quietHost(t, 1)
			folder := enrolled(t)
			if err := os.Chmod(filepath.Dir(folder), 0o755); err != nil { // Go keeps others out
				t.Fatal(err)
			}
			own := func() { sh(t, h, fmt.Sprintf("chown -R %d:%d %s", c.owner, c.owner, folder)) }
			for round := range 2 {
				own() // what came before belongs to one user
				r := shipping(t, h, folder, "none", c.by...)
				r.Await(fmt.Sprintf("reports: user %d, ", c.user))
				wait.Until(t, "reports are stored", func() bool {
					n, _, _ := spool.Waiting(filepath.Join(folder, "spool"))
					return n > 3*round
				})
				r.end()
				for _, path := range []string{"spool", "spool/pointer", "uplink/key.pem"} {
					info, err := os.Stat(filepath.Join(folder, path))
					if err != nil {
						t.Fatal(err)
					}
					want := c.user
					if path == "uplink/key.pem" {
						want = c.owner
					}
					if got := info.Sys().(*syscall.Stat_t).Uid; got != want || info.Mode().Perm()&0o077 != 0 {
						t.Errorf("%s belongs to user %d, not %d, with mode %s", path, got, want, info.Mode())
					}
				}
			}
			text, _ := spooled(t, folder)
			for i, one := range reports(t, schema, text) {
				if one.Sequence != uint64(i+1) {
					t.Errorf("report %d has sequence %d", i+1, one.Sequence)
				}
			}
		})
	}
}
