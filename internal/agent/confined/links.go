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
	"github.com/weirnet/weir/internal/logging"
	"github.com/weirnet/weir/internal/topology"
)

// watcher is the privileged process, which starts and ends the capture on a link. *helper.Client is the real one.
type watcher interface {
	Watch(helper.Link) (descriptors []int, payload []byte, err error)
	Unwatch(index uint32) error
}

// linkCapture is the part of a capture that follows the links.
type linkCapture interface {
	// watching takes an interface that the privileged process now watches, with the payload and descriptors it sent.
	watching(ifindex uint32, w *agent.Watched, descriptors []int) error
	// gone takes an interface whose watch has ended.
	gone(ifindex uint32)
	setInterfaces(names map[uint32]string)
}

// links follows the machine's links, and watches those that match the options.
type links struct {
	options   *agent.Options
	selection topology.Selection
	mode      string
	watcher   watcher
	capture   linkCapture
	log       *logging.Logger
	watching  atomic.Pointer[[]watchedLink] // the watched links, for readers that must not wait for mu

	mu      sync.Mutex // guards what follows; held while the privileged process answers
	all     topology.Links
	watched map[uint32]string   // names of the watched links
	uppers  map[uint32]struct{} // see noteUppers
	synced  bool
	method  string // what captures on the interfaces
	refused error  // why weir cannot watch an interface that the options name

	refusals chan struct{} // has one when refused is set
	quit     chan struct{} // closed when the end begins: nobody waits for an interface any longer
}

func newLinks(o *agent.Options, s topology.Selection, mode string, w watcher, log *logging.Logger) *links {
	return &links{
		options: o, selection: s, mode: mode, watcher: w, log: log, all: topology.Links{}, watched: map[uint32]string{},
		uppers: map[uint32]struct{}{}, refusals: make(chan struct{}, 1), quit: make(chan struct{}),
	}
}

// event updates the list of links, and watches those that now match.
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
	case topology.Resynced: // an interface may have gone and come back unseen
		for index := range ls.watched {
			ls.unwatch(index)
		}
	case topology.Removed:
		ls.all.Apply(e)
		ls.unwatch(e.Link.Index) // the kernel has already detached the programs
	default:
		ls.changed(e)
	}
	if ls.synced {
		ls.match(false)
	}
}

// setSelection watches the links that now match, and no others.
func (ls *links) setSelection(s topology.Selection) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	ls.selection = s
	if ls.synced {
		ls.match(false)
	}
}

// changed takes in a new or changed link, before the first frame with that name arrives.
func (ls *links) changed(e topology.Event) {
	isNamed := ls.all[e.Link.Index].Name == e.Link.Name
	ls.all.Apply(e)
	if ls.synced && !isNamed {
		ls.nameInterfaces()
	}
	if name, ok := ls.watched[e.Link.Index]; ok && name != e.Link.Name {
		ls.watched[e.Link.Index] = e.Link.Name
		ls.log.Infof("%s is now %s", name, e.Link.Name)
	}
}

// match starts the capture on links that match, and ends it on links that no longer do. A link that comes or goes can
// change others: weir watches a bridge's ports in place of the bridge.
func (ls *links) match(first bool) {
	ls.noteUppers()
	defer ls.noteUppers() // the lower devices may be watched by now
	defer ls.publish()
	for _, l := range ls.all.Sorted() {
		if ls.isEnding() { // many interfaces at once take time
			return
		}
		matches, _ := ls.selection.Matches(l, ls.all)
		_, isWatched := ls.watched[l.Index]
		switch {
		case matches && !isWatched:
			ls.begin(l, first)
		case !matches && isWatched:
			ls.unwatch(l.Index)
			ls.log.Infof("no longer watching %s", l.Name)
		}
	}
}

// begin starts the capture on a link, and logs what the user should know. first is set for the links of the start.
func (ls *links) begin(l topology.Link, first bool) {
	passed, err := ls.watch(l)
	switch {
	case err == nil:
		if on, twice := ls.selection.Twice(l, ls.all); twice {
			ls.log.Warnf("weir counts packets of %s twice: it also watches %s, which carries them", l.Name, on.Name)
		}
		if !first {
			ls.log.Infof("watching %s", l.Name)
			if passed > 0 {
				ls.log.Infof("some %d packets had passed by %s before that", passed, l.Name)
			}
		}
	case errors.Is(err, unix.ENETDOWN): // an event says, or has said, when it comes up
		if l.Up {
			time.AfterFunc(retryAfter, ls.matchAgain)
		}
		if first {
			ls.log.Infof("%s is down: it will be watched when it is up", l.Name)
		}
	case first && slices.Contains(ls.options.Interfaces, l.Name):
		ls.refuse(err)
	case !agent.IsGone(err):
		ls.log.Warnf("%v", err)
	}
}

func (ls *links) isEnding() bool { return isClosed(ls.quit) }

// nameInterfaces passes the present names to the workers.
func (ls *links) nameInterfaces() {
	names := make(map[uint32]string, len(ls.all))
	for index, l := range ls.all {
		names[index] = l.Name
	}
	ls.capture.setInterfaces(names)
}

// retryAfter is the pause before weir tries again an interface whose capture failed, or that was down.
const retryAfter = 200 * time.Millisecond

// lost ends a capture that has failed, and soon tries again: the interface may still exist. isCurrent reports whether
// the failed capture is still the interface's latest.
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

// refuse ends the agent with an error.
func (ls *links) refuse(err error) {
	ls.refused = errors.Join(ls.refused, err)
	signal(ls.refusals)
}

// refusal returns why weir cannot watch an interface that the options name.
func (ls *links) refusal() error {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	return ls.refused
}

// watch starts the capture on a link. passed counts the link's packets before that.
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
		_ = ls.watcher.Unwatch(l.Index) // the first error matters more
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
		ls.log.Warnf("%v", err)
	}
	ls.capture.gone(index)
}

// unwatchTime bounds the detaching of programs at the end: the kernel takes about 20 ms for each interface. The
// privileged process detaches the rest after the last record.
const unwatchTime = 700 * time.Millisecond

// close ends the capture on all links, and calls isAlive after each.
func (ls *links) close(isAlive func()) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	began := time.Now()
	for index := range ls.watched {
		if time.Since(began) > unwatchTime {
			break
		}
		if err := ls.watcher.Unwatch(index); err != nil && !agent.IsGone(err) {
			ls.log.Warnf("%v", err)
		}
		isAlive()
	}
}

// watchedLink is a watched link as the status shows it.
type watchedLink struct {
	index uint32
	name  string
}

// publish makes the watched links visible to the status.
func (ls *links) publish() {
	var now []watchedLink
	for _, l := range ls.all.Sorted() {
		if name, ok := ls.watched[l.Index]; ok {
			now = append(now, watchedLink{l.Index, name})
		}
	}
	ls.watching.Store(&now)
}

// present returns the watched links.
func (ls *links) present() []watchedLink {
	if now := ls.watching.Load(); now != nil {
		return *now
	}
	return nil
}

// names returns the names of the watched links.
func (ls *links) names() (names []string) {
	for _, l := range ls.present() {
		names = append(names, l.name)
	}
	return names
}

// announce logs the watched links, the mode and the number of workers.
func (ls *links) announce() {
	mode := ls.mode
	if ls.method != "" && ls.method != ls.mode {
		mode += " (" + ls.method + ")"
	}
	names := ls.names()
	if len(names) == 0 {
		ls.log.Infof("no interface to watch yet, mode %s", mode)
		return
	}
	ls.log.Infof("watching %s, mode %s, %d workers", strings.Join(names, ", "), mode, ls.options.Workers)
}
