// SPDX-License-Identifier: Apache-2.0

package confined

import (
	"strings"
	"sync"

	"github.com/weirnet/weir/gen/bpf"
	"github.com/weirnet/weir/internal/agent"
	"github.com/weirnet/weir/internal/capture/kernel"
	"github.com/weirnet/weir/internal/packet"
)

// Traffic is what has passed a link since weir watches it; nil: unknown. Largest is that since the last status.
type Traffic struct{ Received, Sent *packet.Traffic }

// loopback is the ifindex of lo. What it sends it receives at once, and only that is counted.
const loopback = 1

// kernelTraffic reads the kernel's counters of the watched links' traffic.
type kernelTraffic struct {
	view *kernel.View

	mu    sync.Mutex
	links map[uint32]*linkTraffic // by ifindex
}

// linkTraffic is a link's row in the kernel's counters, and what the link had in earlier rows.
type linkTraffic struct {
	row            uint32 // 0: none at present
	hasSent        bool   // outgoing packets are counted, too
	received, sent packet.Traffic
}

// maxLinkTraffic bounds the links that are remembered. Those that are no longer watched go.
const maxLinkTraffic = 4096

func newKernelTraffic(v *kernel.View) *kernelTraffic {
	return &kernelTraffic{view: v, links: map[uint32]*linkTraffic{}}
}

// watching takes a link that is now watched.
func (k *kernelTraffic) watching(index uint32, w *agent.Watched) {
	k.mu.Lock()
	defer k.mu.Unlock()
	l := k.links[index]
	if l == nil {
		if len(k.links) >= maxLinkTraffic {
			for index, l := range k.links {
				if l.row == 0 {
					delete(k.links, index)
				}
			}
		}
		l = &linkTraffic{}
		k.links[index] = l
	}
	l.row, l.hasSent = w.Row, index != loopback && !strings.HasPrefix(w.Method, "xdp")
}

// gone takes a link whose watch has ended: its row may soon be another's.
func (k *kernelTraffic) gone(index uint32) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if l := k.links[index]; l != nil {
		l.received, l.sent = k.sum(l)
		l.row = 0
	}
}

// of returns a link's traffic.
func (k *kernelTraffic) of(index uint32) (t Traffic) {
	k.mu.Lock()
	defer k.mu.Unlock()
	l := k.links[index]
	if l == nil || l.row == 0 {
		return Traffic{}
	}
	received, sent := k.sum(l)
	l.received.Largest, l.sent.Largest = 0, 0 // told
	t.Received = &received
	if l.hasSent {
		t.Sent = &sent
	}
	return t
}

// sum returns all of a link's traffic.
func (k *kernelTraffic) sum(l *linkTraffic) (received, sent packet.Traffic) {
	received, sent = l.received, l.sent
	k.view.Traffic(l.row, bpf.WeirWayWAY_RECEIVED, &received)
	k.view.Traffic(l.row, bpf.WeirWayWAY_SENT, &sent)
	return received, sent
}
