// SPDX-License-Identifier: Apache-2.0

package agent_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/capture/pcapfile"
	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/testing/lab"
	"github.com/weirnet/weir/internal/testing/lab/program"
)

// frame is a frame of a recording.
type frame struct {
	data      []byte
	recording string
}

// spacing is the least time between two frames, round that between two of one recording, which are interleaved: in the
// modes that count in the kernel the agent requests more packets of a flow while they pass, and a busy machine must not
// change the outcome.
const (
	spacing = 400 * time.Microsecond
	round   = 50 * time.Millisecond
)

// spacingOf returns the time between two frames of interleaved recordings: few recordings go slower.
func spacingOf(frames []frame) time.Duration {
	recordings := map[string]bool{}
	for i := range frames {
		recordings[frames[i].recording] = true
	}
	return max(spacing, round/time.Duration(len(recordings)))
}

// ethernetFrames returns the frames of all Ethernet recordings, one recording after the other.
func ethernetFrames(t testing.TB) (frames []frame, recordings int) {
	t.Helper()
	files, err := filepath.Glob("../../testdata/*.pcap")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		r, err := pcapfile.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		before := len(frames)
		var f pcapfile.Frame
		for {
			if err = r.Next(&f); err != nil {
				break
			}
			if r.Interfaces()[f.Interface].LinkType == packet.LinkEthernet {
				frames = append(frames, frame{slices.Clone(f.Data), filepath.Base(file)})
			}
		}
		if !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		r.Close()
		if len(frames) > before {
			recordings++
		}
	}
	if recordings < 130 {
		t.Fatalf("testdata holds %d Ethernet recordings", recordings)
	}
	return frames, recordings
}

// replayed returns the records of weir replay for the frames, spaced as they are sent.
func replayed(t testing.TB, frames []frame) []flowRecord {
	t.Helper()
	var file bytes.Buffer
	w, err := pcapfile.NewWriter(&file, packet.LinkEthernet, 0)
	if err != nil {
		t.Fatal(err)
	}
	now, between := time.Now().UnixNano(), spacingOf(frames)
	for i, f := range frames {
		if err := w.WritePacket(now+int64(i)*int64(between), f.data, len(f.data)); err != nil {
			t.Fatal(err)
		}
	}
	return replay(t, &file)
}

// someNetwork is the LAN, live and in the capture, so that the sides are the same.
const someNetwork = "192.0.2.0/24"

// replay returns the records of weir replay for a capture file.
func replay(t testing.TB, capture io.Reader) []flowRecord {
	t.Helper()
	cmd := exec.Command(weir(t), "replay", "--output", "ndjson", "--no-progress", "--lan-network", someNetwork, "-")
	var out, said bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = capture, &out, &said
	if err := cmd.Run(); err != nil {
		t.Fatalf("weir replay: %v\n%s", err, &said)
	}
	return records(t, out.String())
}

// send paces the frames, one by one: the accounting's tests are for bursts.
func send(t testing.TB, h *lab.Host, link string, frames []frame) {
	t.Helper()
	l, err := h.Link(link)
	if err != nil {
		t.Fatal(err)
	}
	err = h.Do(func() error {
		socket, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(socket)
		if err := unix.Bind(socket, &unix.SockaddrLinklayer{Ifindex: l.Index}); err != nil {
			return err
		}
		next, between := time.Now(), spacingOf(frames)
		for _, f := range frames {
			time.Sleep(time.Until(next))   // pacing
			next = time.Now().Add(between) // no catching up: that would be a burst
			if _, err := unix.Write(socket, f.data); err != nil {
				return fmt.Errorf("send a frame of %s: %w", f.recording, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestModes sends every Ethernet recording over a link that weir watches in each mode, and compares the records with
// those of weir replay for the same frames.
func TestModes(t *testing.T) {
	weir(t)
	frames, recordings := ethernetFrames(t)
	t.Logf("%d recordings, %d frames", recordings, len(frames))
	for i, part := range parts(frames) {
		t.Run(fmt.Sprint(i), func(t *testing.T) { testModes(t, interleave(part)) })
	}
}

// testModes sends frames in each mode.
func testModes(t *testing.T, frames []frame) {
	want := replayed(t, frames)
	packets, bytes := sums(want)
	t.Logf("%d frames, %d flows of %d packets with %d bytes", len(frames), len(want), packets, bytes)
	for _, mode := range []string{"ebpf", "ebpf clsact", "afpacket", "afpacket plain", "libpcap"} {
		t.Run(mode, func(t *testing.T) {
			if mode == "libpcap" {
				needLibpcap(t)
			}
			t.Parallel()
			h := quietHost(t, 1)
			mode, hook, _ := strings.Cut(mode, " ")
			r := watch(t, h, "--interface", "in0", "--mode", mode, "--hook", hook, "--lan-network", someNetwork)
			send(t, h, "out0", frames)
			// longer than a tick: all workers then know the learnt names
			time.Sleep(1500 * time.Millisecond)
			got := r.stop()
			for _, said := range []string{program.SaidRingFull, program.SaidRingLost, program.SaidMapFull,
				program.SaidUncounted, program.SaidRefused} {
				if n := r.Number(said); n > 0 {
					t.Errorf("%d %s", n, said)
				}
			}
			gotPackets, gotBytes := sums(got)
			t.Logf("%d flows of %d packets with %d bytes", len(got), gotPackets, gotBytes)
			compare(t, recordingsOf(frames), got, want)
		})
	}
}

// parts splits the recordings so that in no part two recordings have the same flow inside and outside of a tunnel: weir
// run makes one flow or two of those, depending on the worker.
func parts(frames []frame) [][]frame {
	type place struct {
		part  int
		addrs string
	}
	depths := map[place]int{}
	var all [][]frame
	for len(frames) > 0 {
		n := 0
		for n < len(frames) && frames[n].recording == frames[0].recording {
			n++
		}
		seen := seenAt(frames[:n])
		part := 0
		for ; ; part++ {
			fits := true
			for addrs, depth := range seen {
				before, known := depths[place{part, addrs}]
				fits = fits && (!known || before == depth)
			}
			if fits {
				break
			}
		}
		for addrs, depth := range seen {
			depths[place{part, addrs}] = depth
		}
		if part == len(all) {
			all = append(all, nil)
		}
		all[part] = append(all[part], frames[:n]...)
		frames = frames[n:]
	}
	return all
}

// interleave takes frames of all recordings in turn.
func interleave(frames []frame) (all []frame) {
	var of [][]frame
	for i, f := range frames {
		if i == 0 || f.recording != frames[i-1].recording {
			of = append(of, nil)
		}
		of[len(of)-1] = append(of[len(of)-1], f)
	}
	for i := 0; len(all) < len(frames); i++ {
		for _, f := range of {
			if i < len(f) {
				all = append(all, f[i])
			}
		}
	}
	return all
}

// seenAt counts the tunnels around packets, by pair of addresses.
func seenAt(frames []frame) map[string]int {
	seen := map[string]int{}
	for _, f := range frames {
		var p, inner packet.Packet
		p.Decode(packet.LinkEthernet, f.data, len(f.data))
		for depth := 0; ; depth++ {
			if p.IPVersion != 0 {
				seen[fmt.Sprint(p.Src, p.Dst)] = depth
				seen[fmt.Sprint(p.Dst, p.Src)] = depth
			}
			if !inner.Inner(&p) {
				break
			}
			p = inner
		}
	}
	return seen
}

// recordingsOf returns a function that lists a flow's recordings, for messages.
func recordingsOf(frames []frame) func(*flowRecord) string {
	of := map[string][]string{}
	for _, f := range frames {
		var p packet.Packet
		p.Decode(packet.LinkEthernet, f.data, len(f.data))
		for _, ends := range []string{fmt.Sprint(p.Src, " ", p.SrcPort, " ", p.Dst, " ", p.DstPort),
			fmt.Sprint(p.Dst, " ", p.DstPort, " ", p.Src, " ", p.SrcPort)} {
			if n := len(of[ends]); n == 0 || of[ends][n-1] != f.recording {
				of[ends] = append(of[ends], f.recording)
			}
		}
	}
	return func(r *flowRecord) string {
		names := of[fmt.Sprint(r.Client.IP, " ", r.Client.Port, " ", r.Server.IP, " ", r.Server.Port)]
		return strings.Join(names[:min(len(names), 3)], " ")
	}
}

// name identifies the flow.
func (r *flowRecord) name() string {
	ends := []string{fmt.Sprint(r.Client.IP, " ", r.Client.Port), fmt.Sprint(r.Server.IP, " ", r.Server.Port)}
	slices.Sort(ends)
	return fmt.Sprint(r.Proto, " ", ends, " ", r.VLANs, r.Tunnels, " ", r.CommunityID)
}

// ofTheRun lists the members of a record that differ from run to run.
var ofTheRun = []string{"id", "first_seen", "last_seen", "interface"}

// compare compares the records of two runs; several records of one flow in order of size.
func compare(t *testing.T, recording func(*flowRecord) string, got, want []flowRecord) {
	t.Helper()
	byName := func(flows []flowRecord) map[string][]flowRecord {
		m := map[string][]flowRecord{}
		for _, f := range flows {
			m[f.name()] = append(m[f.name()], f)
		}
		for _, same := range m {
			slices.SortStableFunc(same, func(a, b flowRecord) int {
				return cmp.Or(cmp.Compare(a.Client.Packets+a.Server.Packets, b.Client.Packets+b.Server.Packets),
					cmp.Compare(a.Client.Bytes+a.Server.Bytes, b.Client.Bytes+b.Server.Bytes))
			})
		}
		return m
	}
	g, w := byName(got), byName(want)
	kinds := map[string]int{}
	for _, name := range slices.Sorted(maps.Keys(w)) {
		if len(g[name]) != len(w[name]) {
			kinds["records"]++
			t.Errorf("%s: %d records, want %d (%s)", name, len(g[name]), len(w[name]), recording(&w[name][0]))
			continue
		}
		for i := range w[name] {
			a, b := &g[name][i], &w[name][i]
			for _, member := range differences(a.all, b.all) {
				if kinds[member]++; kinds[member] > 5 {
					continue
				}
				t.Errorf("%s: %s is %s, want %s (%s)", name, member, short(a.all[member]), short(b.all[member]),
					recording(b))
			}
		}
		delete(g, name)
	}
	for name, more := range g {
		if len(w[name]) == 0 {
			kinds["records"]++
			t.Errorf("%s: %d records, want none (%s)", name, len(more), recording(&more[0]))
		}
	}
	if len(kinds) > 0 {
		t.Errorf("differences: %v", kinds)
	}
}

func differences(a, b map[string]any) (members []string) {
	all := maps.Clone(a)
	maps.Copy(all, b)
	for _, member := range slices.Sorted(maps.Keys(all)) {
		if slices.Contains(ofTheRun, member) || reflect.DeepEqual(a[member], b[member]) {
			continue
		}
		if member == "tcp" && slices.Equal(names(a[member]), names(b[member])) {
			continue // round trips, each run's own
		}
		members = append(members, member)
	}
	return members
}

// names returns the names of an object's members.
func names(v any) []string {
	object, _ := v.(map[string]any)
	return slices.Sorted(maps.Keys(object))
}

func short(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(text[:min(len(text), 300)])
}
