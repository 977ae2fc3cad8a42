// SPDX-License-Identifier: Apache-2.0

//go:build cgo

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/sink/control"
	"github.com/weirnet/weir/internal/sink/sinktest"
	"github.com/weirnet/weir/internal/sink/status"
	"github.com/weirnet/weir/internal/testing/lab"
	"github.com/weirnet/weir/internal/testing/lab/wait"
	"github.com/weirnet/weir/internal/uplink"
)

// fill takes all room of a disk, and returns what gives it back.
func fill(t *testing.T, folder string) (free func()) {
	t.Helper()
	path := filepath.Join(folder, "filler")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, size := range []int{1 << 20, 4 << 10, 1} { // until not a byte fits
		block := make([]byte, size)
		for err = nil; err == nil; {
			_, err = f.Write(block)
		}
	}
	return func() {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

// statusOf returns a running sink's counters.
func statusOf(t *testing.T, c *control.Client) (s status.Snapshot) {
	t.Helper()
	if err := c.Get(t.Context(), "/api/v1/status", &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestFullDisk: a sink whose disk is full says so, keeps what it has acknowledged, and goes on by itself once there is
// room.
func TestFullDisk(t *testing.T) {
	if os.Geteuid() != 0 {
		lab.Lacks(t, "needs root, to mount a small disk")
	}
	disk := t.TempDir()
	if err := unix.Mount("tmpfs", disk, "tmpfs", 0, "size=48m"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(disk, unix.MNT_DETACH) })
	data := filepath.Join(disk, "data")
	kill, url := startServe(t, data)
	t.Cleanup(kill)
	client := control.Dial(data)
	agent := enrolled(t, client, url)
	lines, want := recorded(t, agent.ID())
	sent := 0
	send := func(n int) error {
		answer, err := agent.Send(url, lines[sent:sent+n]...)
		if err == nil && answer.Reports[n-1].Result != uplink.Stored {
			t.Fatalf("report %d: %+v", sent+n, answer.Reports[n-1])
		}
		if err == nil {
			sent += n
		}
		return err
	}
	for range 3 { // also while the store works
		if err := send(3); err != nil {
			t.Fatal(err)
		}
		free := fill(t, disk)
		refused := 0
		for end := time.Now().Add(sinktest.Patience); refused < 3 && sent < len(lines)-20; {
			if err := send(1); err != nil {
				if !strings.Contains(err.Error(), "503") || !strings.Contains(err.Error(), "full") {
					t.Fatalf("on a full disk: %v", err)
				}
				refused++
			}
			if time.Now().After(end) {
				t.Fatal("a full disk takes reports for ever")
			}
		}
		fails := statusOf(t, client).StoreFails
		wait.Until(t, "the store fails, too, or has taken all", func() bool {
			s := statusOf(t, client)
			return s.StoreFails > fails || s.Queue.Reports == 0
		})
		free()
	}
	for sent < len(lines) {
		if err := send(1); err != nil {
			t.Fatalf("with room again: %v", err)
		}
	}
	if got := total(t, client, len(lines)); got.UpBytes+got.DownBytes != want.DownBytes || got.Flows != want.Flows {
		t.Errorf("the API has %+v, the captures %+v", got, want)
	}
	checkNoneRefused(t, data)
}
