// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"errors"
	"maps"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/testing/lab"
	"github.com/weirnet/weir/internal/testing/lab/wait"
)

// TestNoTraces: Run leaves no program, map, qdisc, socket, namespace or limit behind. The test runs in a network
// namespace of its own, because other tests attach things too.
func TestNoTraces(t *testing.T) {
	needRoot(t)
	inNamespace(t)
	mustRun(t, Options{}) // the runtime opens what it keeps: epoll
	lastProgram, lastMap, lastLink := newest(t, ebpf.ProgramGetNextID), newest(t, ebpf.MapGetNextID),
		newest(t, nextLink)
	before := namespaces(t)
	files, limit := descriptors(t), memoryLockText()
	mustRun(t, Options{})
	if now := descriptors(t); now != files {
		t.Errorf("descriptors before:\n%s\nafter:\n%s", files, now)
	}
	if now := memoryLockText(); now != limit {
		t.Errorf("RLIMIT_MEMLOCK was %s and is %s", limit, now)
	}
	if tcx, err := link.QueryPrograms(link.QueryOptions{Target: 1, Attach: ebpf.AttachTCXIngress}); err != nil ||
		len(tcx.Programs) > 0 {
		t.Errorf("tcx: %+v, %v", tcx, err)
	}
	for _, c := range [][]string{{"tc", "qdisc", "show"}, {"ip", "-details", "link", "show", "lo"}} {
		out, err := exec.Command(c[0], c[1:]...).Output()
		if err != nil {
			lab.Lacks(t, err.Error())
		}
		if strings.Contains(string(out), "clsact") || strings.Contains(string(out), "xdp") {
			t.Errorf("%v: %s", c, out)
		}
	}
	// The kernel frees programs and maps shortly after the last descriptor is closed. Objects that other tests load
	// meanwhile have names, apart from those of their own feature probes, which also vanish.
	gone := func(what string, left func() map[uint32]bool) {
		t.Helper()
		stay := left()
		gone := wait.Reached(func() bool {
			now := left()
			for id := range stay {
				if !now[id] {
					delete(stay, id)
				}
			}
			return len(stay) == 0
		})
		if !gone {
			t.Errorf("%s that stayed: %v", what, stay)
		}
	}
	gone("programs", func() map[uint32]bool { return since(t, lastProgram, ebpf.ProgramGetNextID, nameOfProgram) })
	gone("maps", func() map[uint32]bool { return since(t, lastMap, ebpf.MapGetNextID, nameOfMap) })
	gone("links", func() map[uint32]bool { return since(t, lastLink, nextLink, nameOfLink) })
	gone("namespaces", func() map[uint32]bool {
		now := namespaces(t)
		maps.DeleteFunc(now, func(ns uint32, _ bool) bool { return before[ns] })
		return now
	})
}

func newest[ID ~uint32](t *testing.T, next func(ID) (ID, error)) ID {
	t.Helper()
	var id ID
	for {
		n, err := next(id)
		if errors.Is(err, os.ErrNotExist) {
			return id
		} else if err != nil {
			t.Fatal(err)
		}
		id = n
	}
}

// since returns the objects newer than one that could be ours: without a name, or with our name.
func since[ID ~uint32](t *testing.T, id ID, next func(ID) (ID, error), name func(ID) (string, bool)) map[uint32]bool {
	t.Helper()
	found := map[uint32]bool{}
	for {
		n, err := next(id)
		if errors.Is(err, os.ErrNotExist) {
			return found
		} else if err != nil {
			t.Fatal(err)
		}
		id = n
		if text, ok := name(n); ok && (text == "" || text == "weir_probe") {
			found[uint32(n)] = true
		}
	}
}

func nextLink(id link.ID) (link.ID, error) {
	var it link.Iterator
	defer it.Close()
	for it.Next() {
		if it.ID > id {
			return it.ID, nil
		}
	}
	if err := it.Err(); err != nil {
		return 0, err
	}
	return 0, os.ErrNotExist
}

func nameOfProgram(id ebpf.ProgramID) (string, bool) {
	p, err := ebpf.NewProgramFromID(id)
	if err != nil {
		return "", false
	}
	defer p.Close()
	info, err := p.Info()
	if err != nil {
		return "", false
	}
	return info.Name, true
}

func nameOfMap(id ebpf.MapID) (string, bool) {
	m, err := ebpf.NewMapFromID(id)
	if err != nil {
		return "", false
	}
	defer m.Close()
	info, err := m.Info()
	if err != nil {
		return "", false
	}
	return info.Name, true
}

func nameOfLink(id link.ID) (string, bool) {
	l, err := link.NewFromID(id)
	if err != nil {
		return "", false
	}
	defer l.Close()
	info, err := l.Info()
	if err != nil {
		return "", false
	}
	return nameOfProgram(info.Program)
}

// descriptors lists this process's open files, without numbers that vary.
func descriptors(t *testing.T) string {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && !strings.HasPrefix(to, "/proc/") {
			all = append(all, e.Name()+" "+to)
		}
	}
	return strings.Join(all, "\n")
}

// namespaces returns the network namespaces of this process's threads, by inode.
func namespaces(t *testing.T) map[uint32]bool {
	t.Helper()
	found := map[uint32]bool{}
	entries, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		var s unix.Stat_t
		if unix.Stat("/proc/self/task/"+e.Name()+"/ns/net", &s) == nil { // else the thread has ended
			found[uint32(s.Ino)] = true
		}
	}
	return found
}
