// SPDX-License-Identifier: Apache-2.0

package sockets

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/weirnet/weir/internal/record"
)

func message() *Message {
	return &Message{Lost: 3, Socket: Socket{Since: 1795770210178805000, Proto: 6, IsOwn: true,
		Local:  netip.MustParseAddrPort("192.0.2.1:40000"),
		Remote: netip.MustParseAddrPort("[2001:db8::1]:443"),
		Process: record.Process{PID: 7, UID: 1000, Name: "curl", Executable: "/usr/bin/curl", Container: "0123",
			Unit: "x"}}}
}

func TestMessage(t *testing.T) {
	long := message()
	long.Socket.Process.Unit = strings.Repeat("u", 255)
	bound := message()
	bound.Socket.Remote = netip.AddrPort{}
	for _, m := range []*Message{message(), long, bound, {IsDone: true}} {
		b := m.Append(nil)
		var got Message
		if err := got.Read(b); err != nil || got != *m {
			t.Errorf("%+v, %v; want %+v", got, err, m)
		}
		for i := range b {
			if err := got.Read(b[:i]); err == nil {
				t.Errorf("%d bytes of %d are a message", i, len(b))
			}
		}
		if err := got.Read(append(b, 0)); err == nil {
			t.Error("a byte too many is a message")
		}
	}
	long.Socket.Process.Executable = strings.Repeat("e", 4096)
	b := long.Append(nil)
	if len(b) > MaxMessage {
		t.Errorf("%d bytes, %d at most", len(b), MaxMessage)
	}
	var got Message
	if err := got.Read(b); err != nil || len(got.Socket.Process.Executable) != maxText {
		t.Errorf("%d bytes, %v", len(got.Socket.Process.Executable), err)
	}
}

func FuzzMessage(f *testing.F) {
	f.Add(message().Append(nil))
	f.Add((&Message{IsDone: true}).Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		var m, again Message
		if m.Read(b) != nil {
			return
		}
		if err := again.Read(m.Append(nil)); err != nil || again != m {
			t.Errorf("%+v, %v; want %+v", again, err, m)
		}
	})
}
