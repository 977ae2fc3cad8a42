// SPDX-License-Identifier: Apache-2.0

package topology

import (
	"context"
	"errors"
	"fmt"
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

// receiveBuffer is asked of the kernel for messages not yet read, in bytes. Without CAP_NET_ADMIN it grants at most
// net.core.rmem_max, by default room for some 100 messages; what does not fit costs a new list, see Watcher.Run.
const receiveBuffer = 4 << 20

// Watch opens a Watcher and runs it.
func Watch(ctx context.Context, each func(Event)) error {
	w, err := NewWatcher()
	if err != nil {
		return err
	}
	return w.Run(ctx, each)
}

// Watcher follows the links of a network namespace through one socket, that it never replaces: it can be opened before
// a process gives up the right to open sockets. Run needs sendmsg, recvmsg and recvfrom only.
type Watcher struct {
	conn *netlink.Conn

	links     Links
	each      func(Event)
	listed    bool            // Synced has been told
	requested uint32          // sequence number of the dump that is awaited, 0 for none
	touched   map[uint32]bool // links that were told of since the dump was requested
}

// NewWatcher opens the socket, in the network namespace of the calling thread.
func NewWatcher() (*Watcher, error) { return newWatcher(0, receiveBuffer) }

// newWatcher opens it in the namespace of the descriptor netNS, or with 0 in the calling thread's.
func newWatcher(netNS, buffer int) (*Watcher, error) {
	conn, err := netlink.Dial(unix.NETLINK_ROUTE, &netlink.Config{NetNS: netNS, MessageBufferSize: messageBuffer})
	if err != nil {
		return nil, fmt.Errorf("watch links: %w", err)
	}
	err = conn.SetReadBuffer(buffer)
	if err == nil {
		err = conn.JoinGroup(unix.RTNLGRP_LINK)
	}
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("watch links: %w", err)
	}
	return &Watcher{conn: conn, links: Links{}}, nil
}

// Pauses before the links are listed anew: longer while messages keep being lost, so that lists don't add to the storm.
const (
	firstPause = 10 * time.Millisecond
	longPause  = 320 * time.Millisecond
	calm       = 5 * time.Second // without a loss for so long, the next pause is short again
)

// Run tells each of all links, then Synced, then of every change, one call at a time, until ctx ends: then it returns
// nil. When the kernel had to drop messages (ENOBUFS), the links are listed anew and the differences told, then
// Resynced. Each should return soon: while it runs nothing is read. Run closes the socket when it returns, and is
// called once.
func (w *Watcher) Run(ctx context.Context, each func(Event)) error {
	defer w.conn.Close()
	defer context.AfterFunc(ctx, func() { w.conn.SetReadDeadline(time.Unix(1, 0)) })()
	w.each = each
	pause := firstPause
	for {
		began := time.Now()
		err := w.follow(ctx)
		if err != nil && ctx.Err() == nil && !errors.Is(err, unix.ENOBUFS) {
			return fmt.Errorf("watch links: %w", err)
		}
		if time.Since(began) > calm {
			pause = firstPause
		}
		if !rest(ctx, pause) {
			return nil
		}
		pause = min(2*pause, longPause)
		if err := w.drain(ctx); err != nil {
			return fmt.Errorf("watch links: %w", err)
		}
	}
}

// rest lets a pause pass in which the kernel is not asked, and says whether it has: not when ctx ended.
func rest(ctx context.Context, pause time.Duration) bool {
	over := time.NewTimer(pause)
	defer over.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-over.C:
		return true
	}
}

// follow lists, and then reads until something fails. Changes and list come through one socket, so that they are in the
// order in which the kernel made them.
func (w *Watcher) follow(ctx context.Context) error {
	if err := w.request(); err != nil {
		return err
	}
	for ctx.Err() == nil {
		messages, err := w.conn.Receive()
		if err != nil {
			return err
		}
		if err := w.read(messages); err != nil {
			return err
		}
	}
	return nil
}

// drain throws away all that is in the socket after a loss, a list under way too. From the first message that it drops
// until the socket is empty the kernel drops every other, and says so only once (netlink_overrun): a list asked for
// earlier would be out of date without a sign.
func (w *Watcher) drain(ctx context.Context) error {
	raw, err := w.conn.SyscallConn()
	if err != nil {
		return err
	}
	for ctx.Err() == nil {
		var peeked error
		if err := raw.Read(func(fd uintptr) bool {
			_, _, peeked = unix.Recvfrom(int(fd), make([]byte, 1), unix.MSG_PEEK|unix.MSG_DONTWAIT)
			return true
		}); err != nil && ctx.Err() == nil {
			return err
		}
		if errors.Is(peeked, unix.EAGAIN) {
			return nil
		}
		if _, err := w.conn.Receive(); err != nil && ctx.Err() == nil && !errors.Is(err, unix.ENOBUFS) {
			return err
		}
	}
	return nil
}

func (w *Watcher) request() error {
	sent, err := w.conn.Send(dumpRequest())
	w.requested, w.touched = sent.Header.Sequence, map[uint32]bool{}
	return err
}

// read handles what one Receive gave: a change, or a whole dump with the changes that came among its parts.
func (w *Watcher) read(messages []netlink.Message) error {
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
		dump := w.requested != 0 && m.Header.Flags&netlink.Multi != 0 && m.Header.Sequence == w.requested
		if dump {
			dumped = true
			whole = whole && m.Header.Flags&netlink.DumpInterrupted == 0
		}
		if !ok {
			continue
		}
		all = append(all, told{l, m.Header.Type == unix.RTM_DELLINK, dump})
		if w.requested != 0 {
			w.touched[l.Index] = true
		}
	}
	if dumped && whole {
		// First what is gone, so that a name is never in use twice.
		for _, l := range w.links.Sorted() {
			if !w.touched[l.Index] {
				w.tell(Event{Kind: Removed, Link: l})
			}
		}
	}
	for _, t := range all {
		w.link(t.Link, t.gone, t.dump)
	}
	switch {
	case !dumped:
		return nil
	case !whole:
		return w.request()
	}
	w.requested, w.touched = 0, nil
	if w.listed {
		w.each(Event{Kind: Resynced})
	} else {
		w.listed = true
		w.each(Event{Kind: Synced})
	}
	return nil
}

// link takes in what is told of one link.
func (w *Watcher) link(l Link, gone, dump bool) {
	old, known := w.links[l.Index]
	switch {
	case gone && known:
		w.tell(Event{Kind: Removed, Link: old})
	case gone:
	case !known:
		w.tell(Event{Kind: Added, Link: l})
	case dump && !sameDevice(old, l):
		w.tell(Event{Kind: Removed, Link: old})
		w.tell(Event{Kind: Added, Link: l})
	case !old.Equal(l):
		w.tell(Event{Kind: Changed, Link: l, Old: old})
	}
}

// sameDevice guesses whether two descriptions with one index, between which messages were lost, are of the same device.
// Kind and type never change; a name and an address do, but seldom both at once.
func sameDevice(a, b Link) bool {
	return a.Kind == b.Kind && a.Type == b.Type && (a.Name == b.Name || a.MAC.String() == b.MAC.String())
}

func (w *Watcher) tell(e Event) {
	w.links.Apply(e)
	w.each(e)
}
