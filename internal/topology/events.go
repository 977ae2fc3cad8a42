// SPDX-License-Identifier: Apache-2.0

package topology

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Event tells of one change.
type Event struct {
	Kind EventKind
	// Link is the link as it is now; with Removed, as it was last known.
	Link Link
	// Old is the link as it was, with Changed only.
	Old Link
}

// EventKind says what an event tells.
type EventKind uint8

// Kinds of events.
const (
	// Added: the link is new, or is told of for the first time.
	Added EventKind = iota + 1
	// Changed: some field differs, the index excepted: renamed, up, down, moved to another bridge.
	Changed
	// Removed: deleted, or moved to another network namespace. What was attached to it is gone.
	Removed
	// Synced has no link. It follows the events of the first list.
	Synced
	// Resynced has no link. Messages were lost, and the events before this one made up for them. A link that was
	// deleted and made again with the same index, name and address meanwhile cannot be told from one that stayed:
	// whoever attached something to links checks that it is still there.
	Resynced
)

func (k EventKind) String() string {
	return [...]string{"none", "added", "changed", "removed", "synced", "resynced"}[k]
}

// Apply brings the links up to date with an event.
func (ls Links) Apply(e Event) {
	switch e.Kind {
	case Added, Changed:
		ls[e.Link.Index] = e.Link
	case Removed:
		delete(ls, e.Link.Index)
	}
}

// linkEvents makes events of what the kernel tells of links.
type linkEvents struct {
	source  linkSource
	each    func(Event)
	changed chan<- struct{} // gets one when the kernel told anything of links
	listed  chan<- struct{} // closed when all links are known; nil: it is

	mu    sync.Mutex // over links: this goroutine changes them, snapshot reads them in another
	links Links

	requested uint32          // sequence number of the dump that is awaited, 0 for none
	touched   map[uint32]bool // links that were told of since the dump was requested
}

// linkSource is the socket that messages of links come from. Events and lists come through one, so that they are in the
// order in which the kernel made them.
type linkSource interface {
	// request asks for a list, and returns its sequence number.
	request() (uint32, error)
	// receive waits for a message, or all of a list with the messages that came among its parts. ENOBUFS says that the
	// kernel threw some away.
	receive() ([]netlink.Message, error)
	drain(ctx context.Context) error
}

// linkSocket is the kernel's.
type linkSocket struct{ conn *netlink.Conn }

func (s linkSocket) request() (uint32, error) {
	sent, err := s.conn.Send(dumpRequest())
	return sent.Header.Sequence, err
}

func (s linkSocket) receive() ([]netlink.Message, error) { return s.conn.Receive() }

func (s linkSocket) drain(ctx context.Context) error { return drain(ctx, s.conn) }

func newLinkEvents(source linkSource, each func(Event), changed, listed chan<- struct{}) *linkEvents {
	return &linkEvents{source: source, each: each, changed: changed, listed: listed, links: Links{}}
}

// snapshot is a copy of the links as they are known.
func (e *linkEvents) snapshot() Links {
	e.mu.Lock()
	defer e.mu.Unlock()
	return maps.Clone(e.links)
}

// Pauses before the links are listed anew: longer while messages keep being lost, so that lists don't add to the storm.
const (
	firstPause = 10 * time.Millisecond
	longPause  = 320 * time.Millisecond
	calm       = 5 * time.Second // without a loss for so long, the next pause is short again
)

// run tells of all links, then Synced, then of every change, until ctx ends. When the kernel had to drop messages
// (ENOBUFS), all that is in the socket is thrown away, a list under way too: from the first message that it drops until
// the socket is empty the kernel drops every other, and says so only once (netlink_overrun), so a list asked for
// earlier would be out of date without a sign. Then the links are listed anew and the differences told, then Resynced.
func (e *linkEvents) run(ctx context.Context) error {
	pause := firstPause
	for {
		began := time.Now()
		err := e.follow(ctx)
		if err != nil && ctx.Err() == nil && !errors.Is(err, unix.ENOBUFS) {
			return fmt.Errorf("follow links: %w", err)
		}
		if time.Since(began) > calm {
			pause = firstPause
		}
		if !rest(ctx, pause) {
			return nil
		}
		pause = min(2*pause, longPause)
		if err := e.source.drain(ctx); err != nil {
			return fmt.Errorf("follow links: %w", err)
		}
	}
}

// follow lists, and then reads until something fails.
func (e *linkEvents) follow(ctx context.Context) error {
	if err := e.request(); err != nil {
		return err
	}
	for ctx.Err() == nil {
		messages, err := e.source.receive()
		if err != nil {
			return err
		}
		if err := e.read(messages); err != nil {
			return err
		}
	}
	return nil
}

func (e *linkEvents) request() (err error) {
	e.requested, err = e.source.request()
	e.touched = map[uint32]bool{}
	return err
}

// read handles what one Receive gave: a change, or a whole dump with the changes that came among its parts.
func (e *linkEvents) read(messages []netlink.Message) error {
	dumped, whole := false, true
	type told struct {
		Link
		gone, dump bool
	}
	all := make([]told, 0, len(messages))
	for _, m := range messages {
		l, ok, err := parseLink(m)
		if err != nil {
			return err
		}
		dump := e.requested != 0 && m.Header.Flags&netlink.Multi != 0 && m.Header.Sequence == e.requested
		if dump {
			dumped = true
			whole = whole && !isInterrupted(m)
		}
		if !ok {
			continue
		}
		all = append(all, told{l, m.Header.Type == unix.RTM_DELLINK, dump})
		if e.requested != 0 {
			e.touched[l.Index] = true
		}
	}
	if dumped && whole {
		// First what is gone, so that a name is never in use twice.
		for _, l := range e.links.Sorted() {
			if !e.touched[l.Index] {
				e.tell(Event{Kind: Removed, Link: l})
			}
		}
	}
	for _, t := range all {
		e.link(t.Link, t.gone, t.dump)
	}
	// Also where nothing of what a Link says differs: of routes that go with a link's state no event tells.
	notify(e.changed)
	switch {
	case !dumped:
		return nil
	case !whole:
		return e.request()
	}
	e.requested, e.touched = 0, nil
	if e.listed == nil {
		e.each(Event{Kind: Resynced})
		return nil
	}
	close(e.listed)
	e.listed = nil
	e.each(Event{Kind: Synced})
	return nil
}

// notify puts one into a channel where there is none.
func notify(changed chan<- struct{}) {
	select {
	case changed <- struct{}{}:
	default:
	}
}

// link takes in what is told of one link.
func (e *linkEvents) link(l Link, gone, dump bool) {
	old, known := e.links[l.Index]
	switch {
	case gone && known:
		e.tell(Event{Kind: Removed, Link: old})
	case gone:
	case !known:
		e.tell(Event{Kind: Added, Link: l})
	case dump && !sameDevice(old, l):
		e.tell(Event{Kind: Removed, Link: old})
		e.tell(Event{Kind: Added, Link: l})
	case !old.Equal(l):
		e.tell(Event{Kind: Changed, Link: l, Old: old})
	}
}

// sameDevice guesses whether two descriptions with one index, between which messages were lost, are of the same device.
// Kind and type never change; a name and an address do, but seldom both at once.
func sameDevice(a, b Link) bool {
	return a.Kind == b.Kind && a.Type == b.Type && (a.Name == b.Name || a.MAC.String() == b.MAC.String())
}

func (e *linkEvents) tell(event Event) {
	e.mu.Lock()
	e.links.Apply(event)
	e.mu.Unlock()
	e.each(event)
}
