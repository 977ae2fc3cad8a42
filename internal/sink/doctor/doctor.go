// SPDX-License-Identifier: Apache-2.0

// Package doctor checks a sink: its data folder, and what the running sink says of itself and its agents. Each finding
// is good, or says what to do.
package doctor

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/sink/api"
	"github.com/weirnet/weir/internal/sink/control"
	"github.com/weirnet/weir/internal/sink/store"
)

// Finding is the result of one check.
type Finding struct {
	What string // was checked
	Text string // what was found
	Do   string // what to do; "" if all is well
}

// IsGood reports whether there is nothing to do.
func (f *Finding) IsGood() bool { return f.Do == "" }

func (f *Finding) String() string {
	if f.IsGood() {
		return fmt.Sprintf("ok    %s: %s", f.What, f.Text)
	}
	return fmt.Sprintf("FAIL  %s: %s\n      %s", f.What, f.Text, f.Do)
}

// Sink is the running sink.
type Sink interface {
	// Get returns the body of the answer to a path of the API.
	Get(ctx context.Context, path, accept string) ([]byte, error)
	// Agents lists the agents that have enrolled.
	Agents(ctx context.Context) ([]control.Agent, error)
}

// Thresholds.
const (
	minFree        = 1 << 30 // bytes of the disk
	minCertificate = 14 * 24 * time.Hour
	maxQueued      = 256              // reports: a minute of 64 agents
	late           = 45 * time.Second // three intervals of an agent
	maxAhead       = time.Minute      // of an agent's clock
)

// Examine makes all checks.
func Examine(ctx context.Context, folder string, sink Sink, now time.Time) []Finding {
	found := []Finding{checkFolder(folder), checkSpace(folder), checkCertificate(folder, now), checkStore(folder)}
	found = append(found, checkRunning(ctx, sink)...)
	return append(found, checkClock())
}

// checkFolder: keys and flows are nobody else's business.
func checkFolder(folder string) Finding {
	f := Finding{What: "data folder", Text: folder}
	info, err := os.Stat(folder)
	switch {
	case err != nil:
		f.Text, f.Do = err.Error(), "Name the folder that weir-sink serve has, with --data."
		return f
	case !info.IsDir():
		f.Text, f.Do = folder+" is no folder", "Name the folder that weir-sink serve has, with --data."
		return f
	}
	for _, name := range []string{"tls/ca.key", "tls/server.key", "agents.json"} {
		path := filepath.Join(folder, name)
		info, err := os.Stat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist): // not yet, or the operator's own certificate
		case err != nil:
			f.Text, f.Do = err.Error(), "Run this as the user of the sink."
			return f
		case info.Mode().Perm()&0o077 != 0:
			f.Text = fmt.Sprintf("%s has mode %#o: others can read it", path, info.Mode().Perm())
			f.Do = "Run chmod 600 " + path + " and, if strangers had access, enrol the agents at a new folder."
			return f
		}
	}
	return f
}

func checkSpace(folder string) Finding {
	f := Finding{What: "disk"}
	var disk unix.Statfs_t
	if err := unix.Statfs(folder, &disk); err != nil {
		f.Text, f.Do = err.Error(), "Name the folder that weir-sink serve has, with --data."
		return f
	}
	free := disk.Bavail * uint64(disk.Bsize)
	return space(free)
}

func space(free uint64) Finding {
	f := Finding{What: "disk", Text: megabytes(int64(free)) + " free"}
	if free < minFree {
		f.Do = "Free some space, or keep less: a sink without space takes no reports; its agents keep them."
	}
	return f
}

func checkCertificate(folder string, now time.Time) Finding {
	f := Finding{What: "certificate"}
	path := filepath.Join(folder, "tls", "server.pem")
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		f.Text = "none in the data folder: the sink makes one at its first start, unless it has your own files"
		return f
	}
	if err != nil {
		f.Text, f.Do = err.Error(), "Run this as the user of the sink."
		return f
	}
	block, _ := pem.Decode(text)
	if block == nil {
		f.Text, f.Do = path+" holds no certificate", "Remove it, and start the sink again: it makes a new one."
		return f
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		f.Text, f.Do = path+": "+err.Error(), "Remove it, and start the sink again: it makes a new one."
		return f
	}
	f.Text = "ends " + certificate.NotAfter.UTC().Format(time.DateOnly)
	if certificate.NotAfter.Sub(now) < minCertificate {
		f.Do = "Start the sink again: it makes a new one of the same authority, which the agents accept."
	}
	return f
}

func checkStore(folder string) Finding {
	f := Finding{What: "store"}
	var size int64
	err := filepath.WalkDir(filepath.Join(folder, "store"), func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if info, err := d.Info(); err == nil && info.Mode().IsRegular() {
			size += info.Size()
		}
		return nil
	})
	f.Text = megabytes(size)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.Text = "empty"
	case err != nil:
		f.Text, f.Do = err.Error(), "Run this as the user of the sink."
	}
	return f
}

// state is what matters here of the sink's status.
type state struct {
	Version string `json:"version"`
	Queue   struct {
		Reports int64 `json:"reports"`
		Bytes   int64 `json:"bytes"`
		Damaged int64 `json:"bytes_damaged"`
	} `json:"queue"`
	StoreFails uint64 `json:"store_failures"`
}

func checkRunning(ctx context.Context, sink Sink) []Finding {
	body, err := sink.Get(ctx, api.Prefix+"status", "application/json")
	if err != nil {
		f := Finding{"sink", err.Error(), "Start it; if it does not stay, its log says why."}
		if errors.Is(err, fs.ErrPermission) {
			f.Do = "Run this as the user of the sink."
		}
		return []Finding{f}
	}
	var s state
	if err := json.Unmarshal(body, &s); err != nil {
		return []Finding{{"sink", "its status: " + err.Error(), "Use the weir-sink that also runs."}}
	}
	found := []Finding{{What: "sink", Text: strings.TrimSpace("runs " + s.Version)}, s.queue()}
	enrolled, err := sink.Agents(ctx)
	if err != nil {
		return append(found, Finding{"agents", err.Error(), "The sink's log says why."})
	}
	body, err = sink.Get(ctx, api.Prefix+"agents", "application/json")
	if err != nil {
		return append(found, Finding{"agents", err.Error(), "The sink's log says why."})
	}
	var reported api.AgentsAnswer
	if err := json.Unmarshal(body, &reported); err != nil {
		return append(found, Finding{"agents", err.Error(), "Use the weir-sink that also runs."})
	}
	return append(found, checkAgents(enrolled, &reported)...)
}

func (s *state) queue() Finding {
	f := Finding{What: "queue", Text: fmt.Sprintf("%d reports, %s", s.Queue.Reports, megabytes(s.Queue.Bytes))}
	switch {
	case s.StoreFails > 0 && s.Queue.Reports > 0:
		f.Text += fmt.Sprintf("; the store failed %d times", s.StoreFails)
		f.Do = "The sink's log says why; nothing is lost, reports wait in the queue."
	case s.Queue.Reports > maxQueued:
		f.Do = "The store is slower than the agents. If this stays, give the sink more CPU, or keep less."
	case s.Queue.Damaged > 0:
		f.Text += fmt.Sprintf("; %s could not be read", megabytes(s.Queue.Damaged))
		f.Do = "Check the disk: what could not be read is lost."
	}
	return f
}

func checkAgents(enrolled []control.Agent, reported *api.AgentsAnswer) []Finding {
	byID := map[string]*store.Agent{}
	for i := range reported.Rows {
		byID[reported.Rows[i].Agent] = &reported.Rows[i]
	}
	var found []Finding
	for _, e := range enrolled {
		if e.Revoked == nil {
			found = append(found, checkAgent(e.Name, byID[e.ID], reported.Now))
		}
	}
	if len(found) == 0 {
		return []Finding{{"agents", "none has enrolled",
			"Run weir-sink agent enrol NAME, and what it prints on the gateway."}}
	}
	return found
}

func checkAgent(name string, g *store.Agent, now time.Time) Finding {
	f := Finding{What: "agent " + name}
	if g == nil {
		f.Text, f.Do = "has not reported", "Start weir run on its gateway; weir status there says what is wrong."
		return f
	}
	age := now.Sub(g.Received).Round(time.Second)
	f.Text = fmt.Sprintf("reported %s ago", max(age, 0))
	switch {
	case age > late:
		f.Do = "Run weir status on its gateway: it says whether it runs, and what keeps it from reporting."
	case g.LastReport.Sub(g.Received) > maxAhead:
		f.Text += fmt.Sprintf("; its clock is %s ahead", g.LastReport.Sub(g.Received).Round(time.Second))
		f.Do = "Set the gateway's clock: let NTP do it."
	case g.Missing > 0:
		f.Text += fmt.Sprintf("; %d reports are missing", g.Missing)
		f.Do = "They may still come. If not, weir status on the gateway says what was lost, and why."
	case g.Drops > 0:
		f.Text += fmt.Sprintf("; it lost %d packets or flows in a day", g.Drops)
		f.Do = "Run weir status on its gateway: it says what was lost, and what to change."
	}
	return f
}

// checkClock asks the kernel, as agents with another time are refused.
func checkClock() Finding {
	var x unix.Timex
	state, err := unix.Adjtimex(&x)
	return clock(state, err)
}

func clock(state int, err error) Finding {
	f := Finding{What: "clock", Text: "synchronised"}
	switch {
	case err != nil:
		f.Text = "unknown: " + err.Error()
	case state == unix.TIME_ERROR:
		f.Text = "not synchronised"
		f.Do = "Let NTP set it: the sink refuses agents whose time differs by more than five minutes."
	}
	return f
}

func megabytes(n int64) string {
	if n < 1e9 {
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.1f GB", float64(n)/1e9)
}
