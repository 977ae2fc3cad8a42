// SPDX-License-Identifier: Apache-2.0

package soak

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/testing/lab"
)

// binding returns a frame of flow i, a STUN binding request (RFC 8489 §5) to a port that names nothing.
func binding(i int) []byte {
	frame := datagram([4]byte{10, 1, byte(i >> 16), byte(i >> 8)}, [4]byte{10, 2, 0, byte(i)}, uint16(20_000+i&0xff),
		40_000)
	frame = frame[:len(frame)-8] // its payload
	stun := make([]byte, 20)
	binary.BigEndian.PutUint16(stun, 1)
	binary.BigEndian.PutUint32(stun[4:], 0x2112a442)
	binary.BigEndian.PutUint32(stun[8:], uint32(i))
	frame = append(frame, stun...)
	ip := frame[14:]
	binary.BigEndian.PutUint16(ip[2:], uint16(len(ip)))
	binary.BigEndian.PutUint16(ip[10:], 0)
	binary.BigEndian.PutUint16(ip[10:], checksum(ip[:20]))
	binary.BigEndian.PutUint16(ip[24:], uint16(len(ip)-20))
	return frame
}

// bindings returns a frame of each flow from one on.
func bindings(from, n int) (frames [][]byte) {
	for i := range n {
		frames = append(frames, binding(from+i))
	}
	return frames
}

// TestRestarts restarts weir in its place, again and again, while packets of living flows pass and new flows begin:
// each flow is one record with its name, and the records have what nftables has counted.
func TestRestarts(t *testing.T) {
	for _, hook := range []string{"tcx", "clsact"} {
		weir(t)
		t.Run(hook, func(t *testing.T) {
			t.Parallel()
			var found string
			report(t, "C7", "restarts in place, "+hook, &found)
			found = restartOften(t, hook)
		})
	}
}

func restartOften(t *testing.T, hook string) string {
	const newFlows = 20 // during each restart
	a, b := lab.NewPair(t)
	for _, h := range []*lab.Host{a, b} {
		sh(t, h, "sysctl -q -w net.ipv6.conf.eth0.disable_ipv6=1") // no packets but the test's
	}
	sh(t, b, "nft add table netdev test", "nft add counter netdev test arrived",
		"nft add chain netdev test in '{ type filter hook ingress device eth0 priority 0; }'",
		"nft add rule netdev test in ip daddr 10.2.0.0/24 counter name arrived")
	w := start(t, b, nil, weir(t), "run", "-i", "eth0", "--mode", "ebpf", "--hook", hook, "--output", "ndjson",
		"--socket", "none", "--uplink", "off", "--idle", "1h")
	w.Await("WAN: ")
	send := func(ctx context.Context, frames [][]byte, s lab.Sending) {
		if _, err := a.SendFrames(ctx, "eth0", frames, s); err != nil && ctx.Err() == nil {
			t.Error(err)
		}
	}
	living := bindings(0, liveFlows)
	send(t.Context(), living, lab.Sending{Rate: 10_000})
	ctx, stop := context.WithCancel(t.Context())
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		send(ctx, living, lab.Sending{Rate: 10_000, Loops: 1 << 20})
	}()
	began := time.Now()
	for n := range restarts {
		if err := w.Process.Process.Signal(unix.SIGUSR2); err != nil {
			t.Fatal(err)
		}
		send(t.Context(), bindings(liveFlows+n*newFlows, newFlows), lab.Sending{Rate: 1000, Loops: 3})
		if !w.Within(endTime, func() bool { return strings.Count(w.Said.String(), "WAN: ") == n+2 }) {
			t.Fatalf("weir does not watch after restart %d", n+1)
		}
	}
	took := time.Since(began)
	stop()
	<-sent
	lab.Landed(t)
	w.stop()
	said := sh(t, b, "nft list counter netdev test arrived")
	var want, got [2]uint64
	_, numbers, _ := strings.Cut(said, "packets")
	if _, err := fmt.Sscanf(numbers, "%d bytes %d", &want[0], &want[1]); err != nil {
		t.Fatalf("nft said %q", said)
	}
	flows, named := addUp(t, w.Stdout.String(), &got)
	found := fmt.Sprintf("%d restarts in %v; %d flows of %d, %d of them named; %d packets, %d bytes; nft: %d, %d",
		restarts, took.Round(time.Millisecond), flows, liveFlows+restarts*newFlows, named, got[0], got[1], want[0],
		want[1])
	if got != want || flows != liveFlows+restarts*newFlows || named != flows {
		t.Error(found)
	}
	return found
}

// addUp returns how many records there are, and how many of them a dissector has named. It adds up what they have
// counted.
func addUp(t *testing.T, ndjson string, sum *[2]uint64) (records, named int) {
	t.Helper()
	type end struct{ Packets, Bytes uint64 }
	ids := map[string]bool{}
	for line := range strings.Lines(ndjson) {
		var f struct {
			ID, Protocol, Method string
			Client, Server       end
		}
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			t.Fatalf("%v: %q", err, line)
		}
		if ids[f.ID] {
			t.Errorf("two records of flow %s", f.ID)
		}
		ids[f.ID] = true
		sum[0] += f.Client.Packets + f.Server.Packets
		sum[1] += f.Client.Bytes + f.Server.Bytes
		if f.Protocol == "stun" && f.Method == "dpi" {
			named++
		}
	}
	return len(ids), named
}
