// SPDX-License-Identifier: Apache-2.0

package confined

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/agent"
	"github.com/weirnet/weir/internal/helper"
	"github.com/weirnet/weir/internal/logging"
	"github.com/weirnet/weir/internal/testing/lab/wait"
	"github.com/weirnet/weir/internal/topology"
)

// fakeHelper watches what it is asked to, unless the test sets an error for the link's name.
type fakeHelper struct {
	watched map[uint32]helper.Link
	refuses map[string]error
	calls   int
}

func (f *fakeHelper) Watch(l helper.Link) ([]int, []byte, error) {
	f.calls++
	if err := f.refuses[l.Name]; err != nil {
		return nil, nil, err
	}
	f.watched[l.Index] = l
	payload, err := json.Marshal(agent.Watched{Method: "tcx", Passed: 7})
	return nil, payload, err
}

func (f *fakeHelper) Unwatch(index uint32) error {
	if _, ok := f.watched[index]; !ok {
		return unix.ENODEV
	}
	delete(f.watched, index)
	return nil
}

// fakeCapture records the links that the capture would read.
type fakeCapture struct {
	reading map[uint32]bool
	names   map[uint32]string
	refuses error
}

func (f *fakeCapture) watching(index uint32, _ *agent.Watched, _ []int) error {
	if f.refuses != nil {
		return f.refuses
	}
	f.reading[index] = true
	return nil
}

func (f *fakeCapture) gone(index uint32) { delete(f.reading, index) }

func (f *fakeCapture) setInterfaces(names map[uint32]string) { f.names = names }

// watched is a machine whose links lan0 and wan0 weir watches.
type watched struct {
	*links
	helper  *fakeHelper
	capture *fakeCapture
	log     strings.Builder
}

func ethernet(index uint32, name string) topology.Link {
	return topology.Link{Index: index, Name: name, Type: unix.ARPHRD_ETHER, Up: true}
}

func watch(t *testing.T, o agent.Options, refuses map[string]error) *watched {
	t.Helper()
	selection, err := topology.NewSelection(o.Interfaces...)
	if err != nil {
		t.Fatal(err)
	}
	w := &watched{helper: &fakeHelper{watched: map[uint32]helper.Link{}, refuses: refuses},
		capture: &fakeCapture{reading: map[uint32]bool{}}}
	w.links = newLinks(&o, selection, agent.ModeEBPF, w.helper, logging.To(func(format string, args ...any) {
		fmt.Fprintf(&w.log, format+"\n", args...)
	}))
	w.links.capture = w.capture
	w.event(topology.Event{Kind: topology.Added, Link: ethernet(2, "lan0")})
	w.event(topology.Event{Kind: topology.Added, Link: ethernet(3, "wan0")})
	if w.helper.calls != 0 {
		t.Error("a link was watched before all were known")
	}
	w.event(topology.Event{Kind: topology.Synced})
	return w
}

// expect compares the watched links in the helper, the capture and the status.
func (w *watched) expect(t *testing.T, indices ...uint32) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	asked := slices.Sorted(maps.Keys(w.helper.watched))
	read := slices.Sorted(maps.Keys(w.capture.reading))
	if !slices.Equal(asked, indices) || !slices.Equal(read, indices) || len(w.names()) != len(indices) {
		t.Errorf("the helper watches %v, the capture reads %v, the status says %v; want %v", asked, read, w.names(),
			indices)
	}
}

func (w *watched) says(t *testing.T, text string) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if !strings.Contains(w.log.String(), text) {
		t.Errorf("%q lacks %q", w.log.String(), text)
	}
}

func TestLinksAreWatched(t *testing.T) {
	w := watch(t, agent.Options{Workers: 2}, nil)
	w.expect(t, 2, 3)
	w.says(t, "watching lan0, wan0, mode ebpf (tcx), 2 workers")

	w.event(topology.Event{Kind: topology.Added, Link: ethernet(4, "lan1")})
	w.expect(t, 2, 3, 4)
	w.says(t, "some 7 packets had passed by lan1")

	w.event(topology.Event{Kind: topology.Changed, Link: ethernet(4, "dmz0")})
	w.says(t, "lan1 is now dmz0")
	if w.capture.names[4] != "dmz0" || !slices.Contains(w.names(), "dmz0") {
		t.Errorf("names %v, %v", w.capture.names, w.names())
	}

	delete(w.helper.watched, 4) // the kernel detaches the programs
	w.event(topology.Event{Kind: topology.Removed, Link: ethernet(4, "dmz0")})
	w.expect(t, 2, 3)
}

// TestPortIsWatchedInItsBridge: weir watches a bridge's port in place of the bridge.
func TestPortIsWatchedInItsBridge(t *testing.T) {
	w := watch(t, agent.Options{}, nil)
	bridge := ethernet(5, "br0")
	bridge.IsBridge, bridge.Kind = true, "bridge"
	w.event(topology.Event{Kind: topology.Added, Link: bridge})
	port := ethernet(2, "lan0")
	port.Master = 5
	w.event(topology.Event{Kind: topology.Changed, Link: port})
	if _, ok := w.helper.watched[2]; !ok {
		t.Error("the port is not watched")
	}
}

// TestLostMessages: a link may have gone and come back with its index and name, so weir attaches to each again.
func TestLostMessages(t *testing.T) {
	w := watch(t, agent.Options{}, nil)
	before := w.helper.calls
	w.event(topology.Event{Kind: topology.Resynced})
	w.expect(t, 2, 3)
	if w.helper.calls != before+2 {
		t.Errorf("%d calls, want %d", w.helper.calls, before+2)
	}
}

// TestRefusedByName: the agent ends if it cannot watch an interface that the options name; for others it logs the
// error.
func TestRefusedByName(t *testing.T) {
	refuses := map[string]error{"wan0": unix.EPERM}
	named := watch(t, agent.Options{Interfaces: []string{"lan0", "wan0"}}, refuses)
	select {
	case <-named.refusals:
		if err := named.refusal(); err == nil || !strings.Contains(err.Error(), "wan0") {
			t.Errorf("%v", err)
		}
	default:
		t.Error("the agent goes on")
	}
	all := watch(t, agent.Options{}, refuses)
	all.expect(t, 2)
	all.says(t, "watch wan0")
	if len(all.refusals) != 0 {
		t.Error("the agent ends")
	}
}

// TestDownLinkIsTriedAgain: attaching can fail with ENETDOWN on a link that is up according to its event.
func TestDownLinkIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watch(t, agent.Options{}, map[string]error{"wan0": unix.ENETDOWN})
		w.expect(t, 2)
		w.says(t, "wan0 is down")
		w.mu.Lock()
		delete(w.helper.refuses, "wan0")
		w.mu.Unlock()
		wait.Pass(2 * retryAfter)
		w.expect(t, 2, 3)
	})
}

// TestCaptureFails: both processes release an interface that this one cannot read; weir tries again where the capture
// breaks later, unless another has begun meanwhile.
func TestCaptureFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watch(t, agent.Options{}, nil)
		w.capture.refuses = unix.ENOMEM
		w.event(topology.Event{Kind: topology.Added, Link: ethernet(4, "lan1")})
		w.expect(t, 2, 3)
		w.mu.Lock()
		w.capture.refuses = nil
		w.mu.Unlock()

		w.lost(2, func() bool { return false })
		w.expect(t, 2, 3)
		w.lost(2, func() bool { return true })
		w.expect(t, 3)
		wait.Pass(2 * retryAfter)
		w.expect(t, 2, 3, 4)
	})
}

// TestEnd: the agent releases each link with a sign of life, and begins no capture.
func TestEnd(t *testing.T) {
	w := watch(t, agent.Options{}, nil)
	close(w.quit)
	w.event(topology.Event{Kind: topology.Added, Link: ethernet(4, "lan1")})
	signs := 0
	w.close(func() { signs++ })
	if len(w.helper.watched) != 0 || signs != 2 {
		t.Errorf("still watched: %v; %d signs", w.helper.watched, signs)
	}
}
