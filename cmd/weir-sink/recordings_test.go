// SPDX-License-Identifier: Apache-2.0

//go:build cgo

package main

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/weirnet/weir/internal/catalog"
	"github.com/weirnet/weir/internal/record"
	"github.com/weirnet/weir/internal/report"
	"github.com/weirnet/weir/internal/sink/control"
	"github.com/weirnet/weir/internal/sink/sinktest"
	"github.com/weirnet/weir/internal/sink/store"
	"github.com/weirnet/weir/internal/testing/recording"
	"github.com/weirnet/weir/internal/uplink"
)

// recorded returns the reports that an agent makes of some recordings, as if they were played now, and the counts of
// all of their flows.
func recorded(t *testing.T, agent string) (lines [][]byte, want store.Sums) {
	t.Helper()
	apps, err := catalog.Load()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("../../testdata/*.pcap")
	if err != nil || len(files) < 40 {
		t.Fatalf("testdata holds %d captures (%v)", len(files), err)
	}
	c := report.Config{Version: "test", Epoch: report.ID{7}, MaxFlows: 100_000}
	if _, err := hex.Decode(c.Agent[:], []byte(agent)); err != nil {
		t.Fatal(err)
	}
	r := report.New(c)
	at := report.Instant{Wall: time.Now().Add(-12 * time.Hour).UnixNano(), Monotonic: 1}
	r.Begin(at, "")
	flows := map[[32]byte]*record.Flow{}
	end := func() {
		at.Wall += 15e9
		at.Monotonic += 15e9
		lines = append(lines, bytes.Clone(r.Close(&report.State{At: at, Mode: "ebpf"})))
	}
	records := 0
	for _, file := range files {
		recording.Play(t, file, apps, func(f *record.Flow) error {
			r.Flow(f)
			flows[f.ID] = f.Clone()
			if records++; records%20 == 0 {
				end()
			}
			return nil
		})
	}
	end()
	for _, f := range flows {
		want.Packets += f.Client.Packets + f.Server.Packets
		want.DownBytes += f.Client.Bytes + f.Server.Bytes
	}
	want.Flows = uint64(len(flows))
	return lines, want
}

// startServe starts weir-sink serve in a process of its own.
func startServe(t *testing.T, data string) (kill func(), url string) {
	t.Helper()
	c, lines := serveCommand(t, data)
	var address string
	for range 3 {
		if !lines.Scan() {
			t.Fatal("the sink did not start")
		}
		_, _ = fmt.Sscanf(lines.Text(), "agents: %s", &address)
	}
	return func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	}, address
}

// enrolled returns an agent that has enrolled with a sink.
func enrolled(t *testing.T, client *control.Client, url string) *sinktest.Agent {
	t.Helper()
	code, err := client.NewCode(t.Context(), "gateway")
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := uplink.ParseCode(code.Code)
	if err != nil {
		t.Fatal(err)
	}
	agent := sinktest.New(t, parsed)
	if _, err := agent.Enrol(url, code.Code); err != nil {
		t.Fatal(err)
	}
	return agent
}

// checkNoneRefused checks that the store has taken all reports.
func checkNoneRefused(t *testing.T, data string) {
	t.Helper()
	if left, _ := filepath.Glob(filepath.Join(data, "queue", "refused", "*")); len(left) != 0 {
		b, _ := os.ReadFile(left[0])
		t.Errorf("%d reports are refused: %.300s", len(left), b)
	}
}

// TestRecordings: the reports of real captures go over TLS into DuckDB, while the sink is killed again and again. The
// API's sums are those of the captures' flows, to the byte.
func TestRecordings(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	kill, url := startServe(t, data)
	client := control.Dial(data)
	agent := enrolled(t, client, url)
	lines, want := recorded(t, agent.ID())
	const kills = 6
	for sent, killed := 0, 0; sent < len(lines); {
		n := min(4, len(lines)-sent)
		isKilled := make(chan struct{})
		if killed < kills && sent >= len(lines)*(killed+1)/(kills+2) {
			killed++
			go func() {
				time.Sleep(time.Duration(killed) * time.Millisecond) // a moment, before or after the answer
				kill()
				close(isKilled)
			}()
		} else {
			close(isKilled)
		}
		answer, err := agent.Send(url, lines[sent:sent+n]...)
		<-isKilled
		if killed > 0 && !isRunning(t, client) {
			kill, url = startServe(t, data)
		}
		if err != nil {
			continue // it is not known whether they came
		}
		for i, r := range answer.Reports {
			if r.Result == uplink.Refused || r.Sequence != uint64(sent+i+1) {
				t.Fatalf("report %d: %+v", sent+i+1, r)
			}
		}
		sent += n
	}
	got := total(t, client, len(lines))
	if got.UpBytes+got.DownBytes != want.DownBytes || got.Packets != want.Packets || got.Flows != want.Flows {
		t.Errorf("the API has %+v, the captures %+v", got, want)
	}
	t.Logf("%d reports, %+v", len(lines), want)
	if all, err := client.Agents(t.Context()); err != nil || len(all) != 1 || all[0].Missing != 0 ||
		all[0].LastReport == nil {
		t.Errorf("agents %+v %v", all, err)
	}
	kill()
	checkNoneRefused(t, data)
}

func isRunning(t *testing.T, c *control.Client) bool {
	_, err := c.Agents(t.Context())
	return err == nil
}

// total returns the API's sums of the last day, once the queue is empty.
func total(t *testing.T, c *control.Client, reports int) store.Sums {
	t.Helper()
	for end := time.Now().Add(4 * sinktest.Patience); ; time.Sleep(20 * time.Millisecond) {
		var now struct {
			Queue struct {
				Reports int `json:"reports"`
			} `json:"queue"`
		}
		err := c.Get(t.Context(), "/api/v1/status", &now)
		if err == nil && now.Queue.Reports == 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatal(errors.Join(err, fmt.Errorf("%d of %d reports wait in the queue", now.Queue.Reports, reports)))
		}
	}
	var top store.Top
	if err := c.Get(t.Context(), "/api/v1/top?by=app&since=24h&limit=10", &top); err != nil {
		t.Fatal(err)
	}
	return top.Total
}
