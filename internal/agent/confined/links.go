// SPDX-License-Identifier: Apache-2.0

package confined

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/agent"
	"github.com/weirnet/weir/internal/helper"
	"github.com/weirnet/weir/internal/topology"
)

// watcher is the privileged process, which starts and ends the capture on a link. *helper.Client is the real one.
type watcher interface {
	Watch(helper.Link) (descriptors []int, payload []byte, err error)
	Unwatch(index uint32) error
}

// linkCapture is the part of a capture that follows the links.
type linkCapture interface {
	// watching comes with an interface that the privileged process watches now, and with what it sent.
	watching(ifindex uint32, w *agent.Watched, descriptors []int) error
	// gone comes with one that it no longer watches.
	gone(ifindex uint32)
	setInterfaces(names map[uint32]string)
}

// links follows the machine's links, and has those watched that match the options.
type links struct {
	options   *agent.Options
	selection topology.Selection
	mode      string
	watcher   watcher
	capture   linkCapture
	log       func(format string, args ...any)
	watching  atomic.Pointer[[]string] // names of what is watched, for who must not wait for mu

	mu      sync.Mutex // over what follows; held while the privileged process answers
	all     topology.Links
	watched map[uint32]string   // names of those that are watched
	uppers  map[uint32]struct{} // see noteUppers
	synced  bool
	method  string // what captures on the interfaces
	refused error  // why an interface that the options name can't be watched

	refusals chan struct{} // has one when refused is set
	quit     chan struct{} // closed when the end begins: nobody waits for an interface any more
}

func newLinks(o *agent.Options, s topology.Selection, mode string, w watcher, log func(string, ...any)) *links {
	return &links{
		options: o, selection: s, mode: mode, watcher: w, log: log, all: topology.Links{}, watched: map[uint32]string{},
		uppers: map[uint32]struct{}{}, refusals: make(chan struct{}, 1), quit: make(chan struct{}),
	}
}

// event keeps the list of links, and has those watched that match now.
func (ls *links) event(e topology.Event) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	switch e.Kind {
	case topology.Synced:
		ls.synced = true
		ls.nameInterfaces()
		ls.match(true)
		ls.announce()
		return
	case topology.Resynced: // an interface may have gone and come again unseen
		for index := range ls.watched {
			ls.unwatch(index)
		}
	case topology.Removed:
		ls.all.Apply(e)
		ls.unwatch(e.Link.Index) // the kernel has taken what was attached
	default:
		ls.changed(e)
	}
	if ls.synced {
		ls.match(false)
	}
}

// changed takes in a link that is new or differs, before the first frame that comes in by it under that name.
func (ls *links) changed(e topology.Event) {
	isNamed := ls.all[e.Link.Index].Name == e.Link.Name
	ls.all.Apply(e)
	if ls.synced && !isNamed {
		ls.nameInterfaces()
	}
	if name, ok := ls.watched[e.Link.Index]; ok && name != e.Link.Name {
		ls.watched[e.Link.Index] = e.Link.Name
		ls.log("%s is now %s", name, e.Link.Name)
	}
}

// match starts the capture on links that match, and ends it on those that no longer do. A link that comes or goes can
// change others: a bridge's ports are watched in its place.
func (ls *links) match(first bool) {
	ls.noteUppers()
	defer ls.noteUppers() // the links below them may be watched by now
	defer ls.publish()
	for _, l := range ls.all.Sorted() {
		if ls.isEnding() { // many interfaces at once take their time
			return
		}
		matches, _ := ls.selection.Matches(l, ls.all)
		_, isWatched := ls.watched[l.Index]
		switch {
		case matches && !isWatched:
			ls.begin(l, first)
		case !matches && isWatched:
			ls.unwatch(l.Index)
			ls.log("no longer watching %s", l.Name)
		}
	}
}

// begin starts the capture on a link, and says what the user should know of it. first is set for those that are there
// at the start.
func (ls *links) begin(l topology.Link, first bool) {
	passed, err := ls.watch(l)
	switch {
	case err == nil:
		if on, twice := ls.selection.Twice(l, ls.all); twice {
			ls.log("packets of %s are counted twice: %s, which is watched too, carries them", l.Name, on.Name)
		}
		if !first {
			ls.log("watching %s", l.Name)
			if passed > 0 {
				ls.log("some %d packets had passed by %s before that", passed, l.Name)
			}
		}
	case errors.Is(err, unix.ENETDOWN): // an event will say when it is up, or has said so
		if l.Up {
			time.AfterFunc(retryAfter, ls.matchAgain)
		}
		if first {
			ls.log("%s is down: it will be watched when it is up", l.Name)
		}
	case first && slices.Contains(ls.options.Interfaces, l.Name):
		ls.refuse(err)
	case !agent.IsGone(err):
		ls.log("%v", err)
	}
}

func (ls *links) isEnding() bool {
	select {
	case <-ls.quit:
		return true
	default:
		return false
	}
}

// nameInterfaces gives the workers the present names.
func (ls *links) nameInterfaces() {
	names := make(map[uint32]string, len(ls.all))
	for index, l := range ls.all {
		names[index] = l.Name
	}
	ls.capture.setInterfaces(names)
}

// retryAfter is when an interface is tried again that was being watched, or was down.
const retryAfter = 200 * time.Millisecond

// lost ends the capture on an interface where it has failed, and tries again soon: the interface may be there still.
// isCurrent says whether the capture that failed is still the interface's last one.
func (ls *links) lost(index uint32, isCurrent func() bool) {
	ls.mu.Lock()
	if isCurrent() {
		ls.unwatch(index)
		ls.publish()
	}
	ls.mu.Unlock()
	time.AfterFunc(retryAfter, ls.matchAgain)
}

func (ls *links) matchAgain() {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	ls.match(false)
}

// refuse ends the agent.
func (ls *links) refuse(err error) {
	ls.refused = errors.Join(ls.refused, err)
	select {
	case ls.refusals <- struct{}{}:
	default:
	}
}

// refusal is why an interface that the options name can't be watched.
func (ls *links) refusal() error {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	return ls.refused
}

// watch starts the capture on a link. Some packets have passed by it before.
func (ls *links) watch(l topology.Link) (passed uint64, err error) {
	descriptors, payload, err := ls.watcher.Watch(helper.Link{Index: l.Index, Name: l.Name,
		Promiscuous: ls.options.Promiscuous})
	if err != nil {
		return 0, fmt.Errorf("watch %s: %w", l.Name, err)
	}
	var w agent.Watched
	if err := json.Unmarshal(payload, &w); err != nil {
		return 0, fmt.Errorf("watch %s: %w", l.Name, err)
	}
	if err := ls.capture.watching(l.Index, &w, descriptors); err != nil {
		_ = ls.watcher.Unwatch(l.Index) // the first error says why it isn't watched
		ls.capture.gone(l.Index)
		return 0, fmt.Errorf("watch %s: %w", l.Name, err)
	}
	ls.watched[l.Index] = l.Name
	ls.method = w.Method
	return w.Passed, nil
}

func (ls *links) unwatch(index uint32) {
	if _, ok := ls.watched[index]; !ok {
		return
	}
	delete(ls.watched, index)
	if err := ls.watcher.Unwatch(index); err != nil && !agent.IsGone(err) {
		ls.log("%v", err)
	}
	ls.capture.gone(index)
}

// unwatchTime is how long the programs are taken off for at the end: the kernel takes some 20 ms for each interface.
// The privileged process takes off the rest when all records are out.
const unwatchTime = 700 * time.Millisecond

// close ends the capture on all links. isAlive is called after each.
func (ls *links) close(isAlive func()) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	began := time.Now()
	for index := range ls.watched {
		if time.Since(began) > unwatchTime {
			break
		}
		if err := ls.watcher.Unwatch(index); err != nil && !agent.IsGone(err) {
			ls.log("%v", err)
		}
		isAlive()
	}
}

// publish makes the names of what is watched known to the status.
func (ls *links) publish() {
	var names []string
	for _, l := range ls.all.Sorted() {
		if name, ok := ls.watched[l.Index]; ok {
			names = append(names, name)
		}
	}
	ls.watching.Store(&names)
}

// names are those of the interfaces that are watched.
func (ls *links) names() []string {
	if names := ls.watching.Load(); names != nil {
		return *names
	}
	return nil
}

// announce says what is watched.
func (ls *links) announce() {
	mode := ls.mode
	if ls.method != "" && ls.method != ls.mode {
		mode += " (" + ls.method + ")"
	}
	names := ls.names()
	if len(names) == 0 {
		ls.log("no interface to watch yet, mode %s", mode)
		return
	}
	ls.log("watching %s, mode %s, %d workers", strings.Join(names, ", "), mode, ls.options.Workers)
}
