// SPDX-License-Identifier: Apache-2.0

//go:build cgo

package wholeway

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/testing/lab"
	"github.com/weirnet/weir/internal/testing/lab/wait"
)

// TestSmallDisk: on a disk that fills up while the sink is away, capture goes on; weir tells of the reports that it
// could not store, and recovers by itself once there is room.
func TestSmallDisk(t *testing.T) {
	if os.Getenv("WEIR_UPLINK_KILLS") == "" {
		t.Skip("scripts/soak runs this: the sink's return may take an upload a minute to see")
	}
	if os.Geteuid() != 0 {
		lab.Lacks(t, "root, to mount a file system")
	}
	folder := t.TempDir()
	mountSmall(t, filepath.Join(folder, "agent"))
	s := newSystemIn(t, folder)
	if err := s.serving.Process.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	wait.For(t, "the end of the sink", s.serving.Done())
	agent := s.watch()
	agent.Await("watching")
	stop := s.talk()
	more := func(what string, n int) {
		t.Helper()
		n += strings.Count(agent.Stdout.String(), "\n")
		wait.Until(t, what, func() bool { return strings.Count(agent.Stdout.String(), "\n") >= n })
	}
	more("weir reports", 3)
	free := s.fill()
	agent.Await("reports are lost, as they can't be stored")
	more("weir goes on on a full disk", 3)
	free()
	agent.Await("reports are stored again")
	s.serve()
	more("weir goes on with room again", 3)
	next := uint64(strings.Count(agent.Stdout.String(), "\n"))
	// The pauses between the tries of an upload have grown.
	if !wait.Within(4*wait.Limit, func() bool { return s.gateway().Sequence >= next }) {
		t.Fatalf("the sink has report %d of %d", s.gateway().Sequence, next)
	}
	stop()
	end(agent)
	s.checkLosses(intervals(t, agent.Stdout.String()))
}

// checkLosses requires that the sink has all reports but those that later ones tell as lost.
func (s *system) checkLosses(all []interval) {
	s.t.Helper()
	lost := map[uint64]bool{}
	for _, i := range all {
		for _, r := range i.Health.Uplink.Lost {
			for n := r.First; n <= r.Last; n++ {
				lost[n] = true
			}
		}
	}
	last := all[len(all)-1]
	var g gateway
	if !wait.Reached(func() bool { g = s.gateway(); return g.Sequence >= last.Sequence }) {
		s.t.Fatalf("the sink has report %d of %d", g.Sequence, last.Sequence)
	}
	if len(lost) == 0 || g.Missing != uint64(len(lost)) {
		s.t.Errorf("the sink misses %d reports; weir tells that these are lost: %v", g.Missing, lost)
	}
	var stored, counted sums
	for _, i := range all {
		got, err := s.between(i.Period.Begin, i.Period.End)
		want, isAfter := i.sums(), len(lost) > 0 && i.Sequence > slices.Min(slices.Collect(maps.Keys(lost)))
		switch {
		case err != nil:
			s.t.Error(err)
		case lost[i.Sequence]:
			if got.packets > 0 {
				s.t.Errorf("interval %d is lost, and the sink has %v of it", i.Sequence, got)
			}
		case !isAfter && got != want || got.packets < want.packets || got.bytes < want.bytes:
			s.t.Errorf("interval %d: the sink has %v, weir counted %v", i.Sequence, got, want)
		}
		stored, counted = sums{stored.bytes + got.bytes, stored.packets + got.packets},
			sums{counted.bytes + want.bytes, counted.packets + want.packets}
	}
	// A flow that comes whole after the loss brings along what was lost of it, and no more.
	if stored.packets > counted.packets || stored.bytes > counted.bytes {
		s.t.Errorf("the sink has %v, weir counted %v", stored, counted)
	}
	s.t.Logf("%d reports, %d lost: %v", len(all), len(lost), lost)
}

// smallDisk is the size of the agent's disk.
const smallDisk = 16 << 20

// mountSmall mounts a small disk with ext4 on a new folder. A host of the lab sees what was mounted before it began.
func mountSmall(t *testing.T, folder string) {
	t.Helper()
	image := filepath.Join(t.TempDir(), "image")
	err := os.WriteFile(image, nil, 0o600)
	if err == nil {
		err = os.Truncate(image, smallDisk)
	}
	if err == nil {
		err = os.Mkdir(folder, 0o700)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range [][]string{
		{"mkfs.ext4", "-q", "-F", "-m", "0", image}, {"mount", "-o", "loop", image, folder},
	} {
		if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", command, err, out)
		}
	}
	t.Cleanup(func() { _ = unix.Unmount(folder, unix.MNT_DETACH) })
}

// fill takes all room of the agent's disk, and returns what gives it back.
func (s *system) fill() (free func()) {
	s.t.Helper()
	var disk unix.Statfs_t
	if err := unix.Statfs(s.state(), &disk); err != nil || disk.Blocks*uint64(disk.Bsize) > smallDisk {
		s.t.Fatalf("it is not the small disk that would be filled: %+v (%v)", disk, err)
	}
	path := filepath.Join(s.state(), "filler")
	f, err := os.Create(path)
	if err != nil {
		s.t.Fatal(err)
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
			s.t.Fatal(err)
		}
	}
}
