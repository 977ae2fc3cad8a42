// SPDX-License-Identifier: Apache-2.0

package topology

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/testing/lab/wait"
)

// script is a linkSource with messages from a test.
type script struct {
	t       *testing.T
	began   time.Time
	asked   []time.Duration // times of the requests for dumps, since began
	drained bool            // since the last request
	lists   uint32
	next    chan received
}

type received struct {
	messages []netlink.Message
	err      error
}

func (s *script) request() (uint32, error) {
	if s.lists > 0 && !s.drained {
		s.t.Error("requested a dump before the socket was empty")
	}
	s.asked, s.drained = append(s.asked, time.Since(s.began)), false
	s.lists++
	return s.lists, nil
}

func (s *script) receive() ([]netlink.Message, error) {
	r, ok := <-s.next
	if !ok {
		return nil, errors.New("the end")
	}
	return r.messages, r.err
}

func (s *script) drain(context.Context) error {
	s.drained = true
	return nil
}

// list answers the last request with a dump of links.
func (s *script) list(links ...Link) {
	var messages []netlink.Message
	for _, l := range links {
		m := newLink(s.t, l)
		m.Header.Sequence, m.Header.Flags = s.lists, netlink.Multi
		messages = append(messages, m)
	}
	s.give(messages, nil)
}

func (s *script) give(messages []netlink.Message, err error) {
	s.next <- received{messages, err}
	synctest.Wait()
}

// lose reports a loss of messages.
func (s *script) lose() { s.give(nil, fmt.Errorf("receive: %w", unix.ENOBUFS)) }

// newLink makes an RTM_NEWLINK as the kernel sends it.
func newLink(t testing.TB, l Link) netlink.Message {
	t.Helper()
	b := make([]byte, unix.SizeofIfInfomsg)
	binary.NativeEndian.PutUint16(b[2:], l.Type)
	binary.NativeEndian.PutUint32(b[4:], l.Index)
	attributes := netlink.NewAttributeEncoder()
	attributes.String(unix.IFLA_IFNAME, l.Name)
	attributes.Uint32(unix.IFLA_MTU, l.MTU)
	attributes.Bytes(unix.IFLA_ADDRESS, l.MAC)
	attributes.Nested(unix.IFLA_LINKINFO, func(info *netlink.AttributeEncoder) error {
		info.String(unix.IFLA_INFO_KIND, l.Kind)
		return nil
	})
	more, err := attributes.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return netlink.Message{Header: netlink.Header{Type: unix.RTM_NEWLINK}, Data: append(b, more...)}
}

// resync runs a test in a bubble with its own source. expect checks all events since its last call.
func resync(t *testing.T, run func(s *script, expect func(what string, want ...string))) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s := &script{t: t, began: time.Now(), next: make(chan received)}
		changed, listed := make(chan struct{}, 1), make(chan struct{})
		var got []string
		each := func(e Event) { got = append(got, fmt.Sprint(e.Kind, " ", e.Link.Name)) }
		e := newLinkEvents(s, each, changed, listed)
		ended := make(chan error)
		go func() { ended <- e.run(ctx) }()
		synctest.Wait()
		run(s, func(what string, want ...string) {
			t.Helper()
			if !slices.Equal(got, want) {
				t.Errorf("%s: got %q, want %q", what, got, want)
			}
			got = nil
		})
		cancel()
		close(s.next)
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

var (
	one     = Link{Index: 1, Name: "one", MTU: 1500, MAC: []byte{2, 0, 0, 0, 0, 1}}
	two     = Link{Index: 2, Name: "two", MTU: 1500, MAC: []byte{2, 0, 0, 0, 0, 2}}
	another = Link{Index: 1, Name: "another", MTU: 1500, MAC: []byte{2, 0, 0, 0, 0, 3}} // with the index of one
)

// TestResyncPauses: a new dump follows each loss, and the pauses before it grow.
func TestResyncPauses(t *testing.T) {
	resync(t, func(s *script, expect func(string, ...string)) {
		s.list(one, two)
		expect("the first list", "added one", "added two", "synced ")
		var want []time.Duration
		for _, pause := range []time.Duration{10, 20, 40, 80, 160, 320, 320} {
			s.began = time.Now()
			s.lose()
			wait.Pass(time.Second)
			want = append(want, pause*time.Millisecond)
		}
		if s.asked = s.asked[1:]; !slices.Equal(s.asked, want) {
			t.Errorf("requests %v after losses, want %v", s.asked, want)
		}
		expect("seven losses")
		s.list(one, two)
		expect("the list at last", "resynced ")
		wait.Pass(calm + time.Second)
		s.asked, s.began = nil, time.Now()
		s.lose()
		wait.Pass(time.Second)
		if !slices.Equal(s.asked, []time.Duration{firstPause}) {
			t.Errorf("a request %v after a loss, the first in a long time", s.asked)
		}
	})
}

// TestResyncDifferences: the differences between a new dump and the known links become ordinary events.
func TestResyncDifferences(t *testing.T) {
	resync(t, func(s *script, expect func(string, ...string)) {
		s.lose() // before the first dump
		wait.Pass(time.Second)
		s.list(one, two)
		expect("the first list", "added one", "added two", "synced ")
		s.lose()
		wait.Pass(time.Second)
		s.list(another)
		expect("another link with an index", "removed two", "removed one", "added another", "resynced ")
		s.lose()
		wait.Pass(time.Second)
		longer := another
		longer.MTU = 9000
		s.list(longer, two)
		expect("a change and a link", "changed another", "added two", "resynced ")
	})
}

// TestResyncInterrupted: an interrupted dump removes no link, and a new request follows.
func TestResyncInterrupted(t *testing.T) {
	resync(t, func(s *script, expect func(string, ...string)) {
		s.list(one, two)
		expect("the first list", "added one", "added two", "synced ")
		s.lose()
		wait.Pass(time.Second)
		s.drained = true // the source has read the dump to its end
		m := newLink(t, one)
		m.Header.Sequence, m.Header.Flags = s.lists, netlink.Multi|netlink.DumpInterrupted
		s.give([]netlink.Message{m}, nil)
		expect("a list that may lack links")
		s.list(one)
		expect("a whole one", "removed two", "resynced ")
	})
}
