// SPDX-License-Identifier: Apache-2.0

package soak

import (
	"context"
	"encoding/binary"
	"fmt"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/testing/lab"
)

// TestAccounting overloads weir, and compares its flows and its reported losses with what was sent.
func TestAccounting(t *testing.T) {
	eachWay(t, func(t *testing.T, way string, flags []string) {
		for _, tt := range []struct {
			name  string
			stop  bool
			flags []string
		}{
			{"stopped", true, nil},
			{"small table", false, []string{"--max-flows", "128"}},
			{"both", true, []string{"--max-flows", "128"}},
		} {
			if datagrams < 1_000_000 && tt.name != "both" {
				continue // only in the full form
			}
			t.Run(tt.name, func(t *testing.T) {
				t.Parallel()
				var found string
				report(t, "C5", tt.name+", "+way, &found)
				found = account(t, tt.stop, append(append([]string{}, flags...), tt.flags...))
			})
		}
	})
}

// account sends, and returns the findings.
func account(t *testing.T, stop bool, flags []string) string {
	a, b := lab.NewPair(t)
	for _, h := range []*lab.Host{a, b} {
		sh(t, h, "sysctl -q -w net.ipv6.conf.eth0.disable_ipv6=1") // no packets but the test's
	}
	w := start(t, b, nil, append([]string{weir(t), "run", "-i", "eth0", "--output", "ndjson", "--max-packets-other",
		"3"}, flags...)...)
	w.Await("watching")
	frames := make([][]byte, 5000)
	for i := range frames {
		source := [4]byte{10, 1, 0, 0}
		binary.BigEndian.PutUint16(source[2:], uint16(i))
		frames[i] = datagram(source, [4]byte{10, 2, 0, byte(i)}, uint16(20_000+i), 7777)
	}
	if stop {
		if err := unix.Kill(w.confined(), unix.SIGSTOP); err != nil {
			t.Fatal(err)
		}
	}
	before := backlogDrops()
	sent, err := a.SendFrames(context.Background(), "eth0", frames,
		lab.Sending{Rate: 40_000, Loops: datagrams / len(frames)})
	if stop {
		_ = unix.Kill(w.confined(), unix.SIGCONT)
	}
	if err != nil {
		t.Fatal(err)
	}
	lab.Landed(t)
	w.stop()
	seen := packetsTo(flows(t, w.Stdout.String()), 7777)
	lost, causes := w.Lost()
	dropped := uint64(backlogDrops() - before)
	found := fmt.Sprintf("%d sent, %d in flows, %d lost (%s), dropped by the machine: %d", sent.Frames-sent.Dropped,
		seen, lost, causes, dropped)
	if got, want := seen+lost, sent.Frames-sent.Dropped; got > want || got+dropped < want {
		t.Errorf("%s: %d unaccounted for", found, int64(want)-int64(got))
	}
	return found
}
