// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/helper"
	"github.com/weirnet/weir/internal/topology"
)

// event keeps the list of links, and has the helper watch those that match now.
func (a *agent) event(e topology.Event) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch e.Kind {
	case topology.Synced:
		a.synced = true
		a.match(true)
		a.announce()
		return
	case topology.Resynced: // an interface may have gone and come again unseen
		for index := range a.watched {
			a.unwatch(index)
		}
	case topology.Removed:
		a.links.Apply(e)
		a.unwatch(e.Link.Index) // the kernel has taken what was attached
	default:
		isNamed := a.links[e.Link.Index].Name == e.Link.Name
		a.links.Apply(e)
		if a.synced && !isNamed { // before the first frame that comes in by it
			a.nameInterfaces()
		}
		if name, ok := a.watched[e.Link.Index]; ok && name != e.Link.Name {
			a.watched[e.Link.Index] = e.Link.Name
			a.output.Log("%s is now %s", name, e.Link.Name)
		}
	}
	if a.synced {
		a.match(false)
	}
}

// match watches what matches and is not watched, and the other way round. A link that comes or goes can change others:
// a bridge's ports are watched in it.
func (a *agent) match(first bool) {
	if first {
		a.nameInterfaces()
	}
	a.noteCarried()
	defer a.noteCarried() // what has been watched till now
	for _, l := range a.links.Sorted() {
		if a.isEnding() { // many interfaces at once take their time
			return
		}
		matches, _ := a.selection.Matches(l, a.links)
		_, isWatched := a.watched[l.Index]
		switch {
		case matches && !isWatched:
			passed, err := a.watch(l)
			if err == nil {
				if on, twice := a.selection.Twice(l, a.links); twice {
					a.output.Log("packets of %s are counted twice: %s, which is watched too, carries them", l.Name,
						on.Name)
				}
				if !first {
					a.output.Log("watching %s", l.Name)
				}
				if passed > 0 && !first {
					a.output.Log("some %d packets had passed by %s before that", passed, l.Name)
				}
				continue
			}
			switch {
			case errors.Is(err, unix.ENETDOWN): // an event tells when it is up, or has told
				if l.Up {
					time.AfterFunc(retryAfter, a.matchAgain)
				}
				if first {
					a.output.Log("%s is down: it will be watched when it is up", l.Name)
				}
			case first && slices.Contains(a.options.Interfaces, l.Name):
				a.refuseLocked(err)
			case !isGone(err):
				a.output.Log("%v", err)
			}
		case !matches && isWatched:
			a.unwatch(l.Index)
			a.output.Log("no longer watching %s", l.Name)
		}
	}
}

func (a *agent) isEnding() bool {
	select {
	case <-a.quit:
		return true
	default:
		return false
	}
}

// nameInterfaces tells the workers the present names.
func (a *agent) nameInterfaces() {
	names := make(map[uint32]string, len(a.links))
	for index, l := range a.links {
		names[index] = l.Name
	}
	a.capturer.setInterfaces(names)
}

// retryAfter is when an interface is tried again that was being watched, or was down.
const retryAfter = 200 * time.Millisecond

// lost is told of an interface that isn't watched any more, though it may be there. still says whether that is so yet:
// it may be watched anew meanwhile.
func (a *agent) lost(index uint32, still func() bool) {
	a.mu.Lock()
	if still() {
		a.unwatch(index)
	}
	a.mu.Unlock()
	time.AfterFunc(retryAfter, a.matchAgain)
}

func (a *agent) matchAgain() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.match(false)
}

// refuseLocked ends the agent; with mu held.
func (a *agent) refuseLocked(err error) {
	a.refused = errors.Join(a.refused, err)
	select {
	case a.refusals <- struct{}{}:
	default:
	}
}

// watch has the helper watch a link, by which some packets have passed already.
func (a *agent) watch(l topology.Link) (passed uint64, err error) {
	descriptors, payload, err := a.client.Watch(helper.Link{Index: l.Index, Name: l.Name,
		Promiscuous: a.options.Promiscuous})
	if err != nil {
		return 0, fmt.Errorf("watch %s: %w", l.Name, err)
	}
	var w watched
	if err := json.Unmarshal(payload, &w); err != nil {
		return 0, fmt.Errorf("watch %s: %w", l.Name, err)
	}
	if err := a.capturer.watching(l.Index, &w, descriptors); err != nil {
		_ = a.client.Unwatch(l.Index) // what keeps it from being watched is told
		a.capturer.gone(l.Index)
		return 0, fmt.Errorf("watch %s: %w", l.Name, err)
	}
	a.watched[l.Index] = l.Name
	a.how = w.How
	return w.Passed, nil
}

func (a *agent) unwatch(index uint32) {
	if _, ok := a.watched[index]; !ok {
		return
	}
	delete(a.watched, index)
	if err := a.client.Unwatch(index); err != nil && !isGone(err) {
		a.output.Log("%v", err)
	}
	a.capturer.gone(index)
}

// isGone says that an interface is not there any more: what it had is gone with it.
func isGone(err error) bool { return errors.Is(err, unix.ENODEV) || errors.Is(err, unix.ENOENT) }

// announce tells what is watched.
func (a *agent) announce() {
	var names []string
	for _, l := range a.links.Sorted() {
		if _, ok := a.watched[l.Index]; ok {
			names = append(names, l.Name)
		}
	}
	how := a.mode
	if a.how != "" && a.how != a.mode {
		how += " (" + a.how + ")"
	}
	if len(names) == 0 {
		a.output.Log("no interface to watch yet, mode %s", how)
		return
	}
	a.output.Log("watching %s, mode %s, %d workers", strings.Join(names, ", "), how, a.options.Workers)
	a.output.Log("%s", a.around.describe())
}

// list is names for people.
func list(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
