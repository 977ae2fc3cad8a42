// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/weirnet/weir/internal/testing/lab"
)

// measureExact compares the agent's counters with the interface's own at the highest rate of two senders on a veth
// pair, and measures the time from the agent's start to the first packet that it counts.
func measureExact(t *table, weir string, runs int) error {
	const what = "packets lost or not counted at the rate that a veth pair carries"
	var a, b *lab.Host
	l := makeLab(t, what, func() (l *lab.Lab, err error) { l, a, b, err = lab.MakePair(); return l, err })
	if l == nil {
		return nil
	}
	defer l.Close()
	for _, h := range []*lab.Host{a, b} { // IPv6 makes hosts send packets of their own
		if out, err := h.Run(context.Background(), "sh", "-c",
			"echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6"); err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
	}
	var missing, rate []float64
	sum := uint64(0)
	for range runs {
		sent, seen, took, err := floodBoth(weirOn(weir, "eth0"), a, b)
		if err != nil {
			return err
		}
		sum += sent
		missing = append(missing, float64(sent)-float64(seen))
		rate = append(rate, float64(sent)/took.Seconds()/1e3)
	}
	off := 0.0
	for _, m := range missing {
		off += max(m, -m)
	}
	t.row(what, "0", fmt.Sprintf("%.0f of %d (%s)", off, sum, quantity(median(rate), "k packets/s")), off == 0)
	var start []float64
	for range runs {
		ms, err := startTime(weirOn(weir, "eth0"), a, b)
		if err != nil {
			return err
		}
		start = append(start, ms)
	}
	t.figure("from the start to the first packet counted", 1000, "ms", start)
	return nil
}

// floodBoth makes both ends send, on both CPUs, and returns the interface's count and the agent's.
func floodBoth(o observer, a, b *lab.Host) (sent, seen uint64, took time.Duration, err error) {
	before, err := b.Counters("eth0")
	if err != nil {
		return 0, 0, 0, err
	}
	w, err := o.start(b)
	if err != nil {
		return 0, 0, 0, err
	}
	type result struct {
		sent lab.Sent
		err  error
	}
	done := make(chan result, 2)
	for i, h := range []*lab.Host{a, b} {
		frames := pairFrames(i == 1, 1000)
		go func() {
			s, err := h.SendFrames(context.Background(), "eth0", frames, lab.Sending{Duration: 700 * time.Millisecond})
			done <- result{s, err}
		}()
	}
	for range 2 {
		r := <-done
		err = errors.Join(err, r.err)
		took = max(took, r.sent.Elapsed)
	}
	unmeasured(100 * time.Millisecond)
	text, _, stopErr := w.stop()
	if err = errors.Join(err, stopErr); err != nil {
		return 0, 0, 0, err
	}
	after, err := b.Counters("eth0")
	if err != nil {
		return 0, 0, 0, err
	}
	s, err := readSummary(text)
	sent = after.RxPackets - before.RxPackets + after.TxPackets - before.TxPackets
	return sent, s.packets + s.unparsed, took, err
}

// pairFrames returns datagrams of that many flows between the hosts of a pair, to addresses without an owner.
func pairFrames(back bool, flows int) (frames [][]byte) {
	for i := range flows {
		f := udpFrame(60)
		src, dst := netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}), netip.MustParseAddr("203.0.113.9")
		if back {
			src, dst = dst, src
		}
		address(f, f[6:12], f[:6], src, dst)
		frames = append(frames, f)
	}
	return frames
}

// startTime returns the milliseconds from the start of the agent's process to the first packet of a steady stream that
// it counts, by the record's time of that packet.
func startTime(o observer, a, b *lab.Host) (ms float64, err error) {
	o.command = append(append([]string(nil), o.command...), "--output", "ndjson")
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	frame := pairFrames(false, 1)
	go func() {
		_, err := a.SendFrames(ctx, "eth0", frame, lab.Sending{Rate: 2000, Duration: 10 * time.Second})
		done <- err
	}()
	unmeasured(20 * time.Millisecond)
	began := time.Now()
	w, err := o.start(b)
	if err == nil {
		var text string
		if text, _, err = w.stop(); err == nil {
			ms, err = firstSeen(text, began)
		}
	}
	cancel()
	if sendErr := <-done; !errors.Is(sendErr, context.Canceled) {
		err = errors.Join(err, sendErr)
	}
	return ms, err
}

func firstSeen(text string, began time.Time) (float64, error) {
	for line := range strings.Lines(text) {
		var record struct {
			First time.Time `json:"first_seen"`
		}
		if line[0] == '{' && json.Unmarshal([]byte(line), &record) == nil && !record.First.IsZero() {
			return float64(record.First.Sub(began).Microseconds()) / 1e3, nil
		}
	}
	return 0, fmt.Errorf("no flow in %q", text)
}

// manyFrames returns two datagrams of each of that many live flows: with payload, from hosts of their own.
func manyFrames(flows int) (frames [][]byte) {
	payload := []byte{0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 7, 'e', 'x', 'a', 'm', 'p', 'l', 'e', 3, 'o', 'r', 'g',
		0, 0, 1, 0, 1}
	for i := range flows {
		f := udpFrame(42 + len(payload))
		copy(f[42:], payload)
		binary.BigEndian.PutUint16(f[36:], 53)
		src := netip.AddrFrom4([4]byte{10, 2, byte(i >> 8), byte(i)})
		address(f, f[6:12], f[:6], src, netip.AddrFrom4([4]byte{203, 0, 113, byte(i >> 16)}))
		frames = append(frames, f)
	}
	return frames
}
