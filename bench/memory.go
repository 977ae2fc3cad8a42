// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weirnet/weir/internal/testing/lab"
)

const liveFlows = 65536

// resident is the memory of the agent's processes, in MiB: VmRSS, which counts shared pages twice, and the
// proportional share (PSS).
type resident struct {
	each     []float64 // VmRSS: the parent, the confined process; ship, if there is one, before the latter or after
	rss, pss float64
}

// measureMemory measures the agent's memory without flows, and with the default maximum of them: live conversations,
// and the worst case, flows that are all still under inspection.
func measureMemory(t *table, weir, testdata string, runs int) error {
	talks, err := conversations(testdata)
	if err != nil {
		return err
	}
	var a, b *lab.Host
	l := makeLab(t, "resident memory", func() (l *lab.Lab, err error) { l, a, b, err = lab.MakePair(); return l, err })
	if l == nil {
		return nil
	}
	defer l.Close()
	weir, err = copied(weir)
	if err != nil {
		return err
	}
	defer os.Remove(weir)
	var idle, full, worst []resident
	for range runs {
		for i, frames := range [][][]byte{openings(talks, liveFlows), slices.Repeat(manyFrames(liveFlows), 2)} {
			empty, filled, err := memoryOf(weirOn(weir, "eth0"), a, b, frames)
			if err != nil {
				return err
			}
			idle = append(idle, empty)
			if i == 0 {
				full = append(full, filled)
			} else {
				worst = append(worst, filled)
			}
		}
	}
	showMemory(t, "idle, table of 65,536 flows", 40, idle)
	showMemory(t, "65,536 live flows", 96, full)
	showMemory(t, "65,536 live flows, none of them answered or named", 0, worst)
	return nil
}

// copied returns a copy of a program, as an installed one is. The kernel holds a file that the linker has just written
// in larger pieces of memory, and maps each whole: 16 MiB more of resident memory that are nobody's.
func copied(program string) (string, error) {
	from, err := os.Open(program)
	if err != nil {
		return "", err
	}
	defer from.Close()
	to, err := os.CreateTemp("", "weir-*")
	if err != nil {
		return "", err
	}
	_, err = io.Copy(to, from)
	err = errors.Join(err, to.Chmod(0o755), to.Close())
	if err != nil {
		os.Remove(to.Name())
	}
	return to.Name(), err
}

// openings returns the beginnings of that many conversations, which never end: eight packets at most, in turn.
func openings(talks []conversation, flows int) (frames [][]byte) {
	const most, abreast = 8, 4096
	for first := 0; first < flows; first += abreast {
		for at := range most {
			for n := first; n < min(first+abreast, flows); n++ {
				talk := talks[n%len(talks)]
				if at >= len(talk) || isEnd(talk[at].data) {
					continue
				}
				frames = append(frames, copyOf(nil, talk[at], talk[0], uint32(n)))
			}
		}
	}
	return frames
}

// isEnd reports whether a frame ends a TCP connection.
func isEnd(f []byte) bool {
	const ip, fin, rst = 14, 1, 4
	tcp := ip + int(f[ip]&15)*4
	return f[ip+9] == 6 && len(f) > tcp+13 && f[tcp+13]&(fin|rst) != 0
}

// memoryOf returns an agent's memory on b before a sends the frames, and a second after.
func memoryOf(o observer, a, b *lab.Host, frames [][]byte) (idle, full resident, err error) {
	w, err := o.start(b)
	if err != nil {
		return idle, full, err
	}
	unmeasured(300 * time.Millisecond)
	if idle, err = residentOf(w.Process.Process.Pid, 2); err == nil {
		_, err = a.SendFrames(context.Background(), "eth0", frames, lab.Sending{Rate: 100_000})
		unmeasured(time.Second)
	}
	if err == nil {
		full, err = residentOf(w.Process.Process.Pid, 2)
	}
	text, _, stopErr := w.stop()
	if err = errors.Join(err, stopErr); err != nil {
		return idle, full, err
	}
	s, err := readSummary(text)
	if err == nil && s.flows < liveFlows*98/100 { // some conversations of the recordings are one flow
		err = fmt.Errorf("%d flows, not %d: %s", s.flows, liveFlows, text)
	}
	return idle, full, err
}

func showMemory(t *table, what string, goal float64, r []resident) {
	t.figure("resident memory of both processes, "+what, goal, "MiB",
		each(r, func(r resident) float64 { return r.rss }))
	t.figure("… the privileged process", 0, "MiB", each(r, func(r resident) float64 { return r.each[0] }))
	t.figure("… the confined process", 0, "MiB", each(r, func(r resident) float64 { return r.each[1] }))
	t.figure("… pages of both counted once (PSS)", 0, "MiB", each(r, func(r resident) float64 { return r.pss }))
}

// residentOf reads the memory of an agent of that many processes.
func residentOf(pid, processes int) (r resident, err error) {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid)) // of the thread that started them
	if err != nil {
		return r, err
	}
	pids := []int{pid}
	for _, name := range threads {
		children, _ := os.ReadFile(name) // the thread may have ended
		for _, text := range strings.Fields(string(children)) {
			child, err := strconv.Atoi(text)
			if err != nil {
				return r, err
			}
			pids = append(pids, child)
		}
	}
	if len(pids) != processes {
		return r, fmt.Errorf("the agent's processes are %v", pids)
	}
	for _, p := range pids {
		rss, err := field(fmt.Sprintf("/proc/%d/status", p), "VmRSS:")
		if err != nil {
			return r, err
		}
		pss, err := field(fmt.Sprintf("/proc/%d/smaps_rollup", p), "Pss:")
		if err != nil {
			return r, err
		}
		r.each = append(r.each, rss)
		r.rss += rss
		r.pss += pss
	}
	return r, nil
}

// field returns a figure in KiB of a file of /proc, in MiB.
func field(name, key string) (float64, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, key); ok {
			n, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return n / 1024, err
		}
	}
	return 0, fmt.Errorf("%s has no %s", name, key)
}
