// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"testing"

	"github.com/weirnet/weir/internal/capture"
	"github.com/weirnet/weir/internal/packet"
)

// TestReceived: the workers' counts add up for each interface, and grow; the largest frame is that since the last look.
func TestReceived(t *testing.T) {
	l := NewLive(Config{}, 2, 0)
	udp, arp := packet.Packet{IPVersion: 4, Proto: packet.ProtoUDP, WireBytes: 100}, packet.Packet{}
	look := func(index uint32) (got packet.Traffic) {
		for i := range l.workers {
			l.Worker(i).publish()
		}
		l.Received(index, &got)
		return got
	}
	if got := look(1); got != (packet.Traffic{}) {
		t.Errorf("before the first frame: %+v", got)
	}
	for i := range 3 {
		l.Worker(0).traffics.count(&capture.Frame{Interface: 1, Length: 114 + i}, &udp)
		l.Worker(1).traffics.count(&capture.Frame{Interface: 1, Length: 60}, &arp)
		l.Worker(0).traffics.count(&capture.Frame{Interface: 2, Length: 70}, &arp)
	}
	want := packet.Traffic{IPv4: packet.Volume{Packets: 3, Bytes: 300}, NotIP: 3, UDP: 3, Largest: 116}
	if got := look(1); got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if got := look(2); got != (packet.Traffic{NotIP: 3, Largest: 70}) {
		t.Errorf("the other interface: %+v", got)
	}
	l.Worker(1).traffics.count(&capture.Frame{Interface: 1, Length: 61}, &arp)
	want.NotIP, want.Largest = 4, 61
	if got := look(1); got != want {
		t.Errorf("later: got  %+v\nwant %+v", got, want)
	}
	for i := range uint32(2 * maxTraffics) { // interfaces that come and go
		l.Worker(0).traffics.count(&capture.Frame{Interface: 10 + i, Length: 60}, &arp)
	}
	look(1)
	if n := len(l.Worker(0).traffics.links) + len(l.Worker(0).public); n > 2*maxTraffics {
		t.Errorf("%d interfaces are remembered", n)
	}
}
