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

// Event is one change of the links.
type Event struct {
	Kind EventKind
	// Link is the link after the change; with Removed, its last known state.
	Link Link
	// Old is the link before the change, with Changed only.
	Old Link
}

// EventKind is the kind of an Event.
type EventKind uint8

// Kinds of events.
const (
	// Added: the link is new, or the Follower sees it for the first time.
	Added EventKind = iota + 1
	// Changed: a field other than the index differs: renamed, up, down, moved to another bridge.
	Changed
	// Removed: deleted, or moved to another network namespace. The kernel has detached everything from it.
	Removed
	// Synced has no link. It follows the events of the first dump.
	Synced
	// Resynced has no link. The kernel dropped messages, and the events before this one made up for them. A link that
	// was deleted and made again meanwhile, with the same index, name and address, looks like one that stayed: the
	// owner of anything attached to links has to check it.
	Resynced
)

func (k EventKind) String() string {
	return [...]string{"none", "added", "changed", "removed", "synced", "resynced"}[k]
}

// Apply updates the links with an event.
func (ls Links) Apply(e Event) {
	switch e.Kind {
	case Added, Changed:
		ls[e.Link.Index] = e.Link
	case Removed:
		delete(ls, e.Link.Index)
	}
}

// linkEvents turns the kernel's messages about links into events.
type linkEvents struct {
	source  linkSource
	each    func(Event)
	changed chan<- struct{} // has one after any message about links
	listed  chan<- struct{} // closed after the first dump; then nil

	mu    sync.Mutex // guards links: this goroutine changes them, another one calls snapshot
	links Links

	requested uint32          // sequence number of the awaited dump, or 0
	touched   map[uint32]bool // links with a message since the request of the dump
}

// linkSource is the socket for messages about links. Events and dumps use the same one, so they are in the kernel's
// order.
type linkSource interface {
	// request requests a dump, and returns its sequence number.
	request() (uint32, error)
	// receive waits for a message, or for a whole dump with the messages among its parts. ENOBUFS means that the kernel
	// dropped messages.
	receive() ([]netlink.Message, error)
	drain(ctx context.Context) error
}

// linkSocket is the linkSource of the kernel.
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

// snapshot returns a copy of the known links.
func (e *linkEvents) snapshot() Links {
	e.mu.Lock()
	defer e.mu.Unlock()
	return maps.Clone(e.links)
}

// Pauses before a new dump of the links: longer while losses go on, so that dumps do not add to the storm.
const (
	firstPause = 10 * time.Millisecond
	longPause  = 320 * time.Millisecond
	calm       = 5 * time.Second // after this time without a loss the next pause is short again
)

// run emits all links, then Synced, then every change, until ctx ends. After a loss (ENOBUFS) it empties the socket,
// and discards a running dump: from the first dropped message until the socket is empty the kernel drops all others,
// and reports it only once (netlink_overrun), so an earlier dump would be out of date without a sign. Then run requests
// a new dump, and emits the differences and Resynced.
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

// follow requests a dump, and reads until something fails.
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

// read handles the messages of one receive: a change, or a whole dump with the changes among its parts.
func (e *linkEvents) read(messages []netlink.Message) error {
	dumped, whole := false, true
	type linkMessage struct {
		Link
		gone, dump bool
	}
	all := make([]linkMessage, 0, len(messages))
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
		all = append(all, linkMessage{l, m.Header.Type == unix.RTM_DELLINK, dump})
		if e.requested != 0 {
			e.touched[l.Index] = true
		}
	}
	if dumped && whole {
		// First the removed links, so that no two links have one name.
		for _, l := range e.links.Sorted() {
			if !e.touched[l.Index] {
				e.emit(Event{Kind: Removed, Link: l})
			}
		}
	}
	for _, t := range all {
		e.link(t.Link, t.gone, t.dump)
	}
	// Even if no field of a Link differs: routes that vanish with a link's state send no event.
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

// notify puts one into an empty channel.
func notify(changed chan<- struct{}) {
	select {
	case changed <- struct{}{}:
	default:
	}
}

// link emits the event of one link's message.
func (e *linkEvents) link(l Link, gone, dump bool) {
	old, known := e.links[l.Index]
	switch {
	case gone && known:
		e.emit(Event{Kind: Removed, Link: old})
	case gone:
	case !known:
		e.emit(Event{Kind: Added, Link: l})
	case dump && !sameDevice(old, l):
		e.emit(Event{Kind: Removed, Link: old})
		e.emit(Event{Kind: Added, Link: l})
	case !old.Equal(l):
		e.emit(Event{Kind: Changed, Link: l, Old: old})
	}
}

// sameDevice guesses whether two links with one index, before and after a loss, are the same device. Kind and type
// never change; name and address do, but seldom both at once.
func sameDevice(a, b Link) bool {
	return a.Kind == b.Kind && a.Type == b.Type && (a.Name == b.Name || a.MAC.String() == b.MAC.String())
}

func (e *linkEvents) emit(event Event) {
	e.mu.Lock()
	e.links.Apply(event)
	e.mu.Unlock()
	e.each(event)
}
