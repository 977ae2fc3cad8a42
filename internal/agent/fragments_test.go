// SPDX-License-Identifier: Apache-2.0

package agent_test

import (
	"context"
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"

	"github.com/weirnet/weir/internal/testing/lab"
	"github.com/weirnet/weir/internal/testing/lab/wait"
)

// fragments returns the frames of one UDP datagram from port 50000 to 40001, 8 bytes each, in the order of their
// offsets.
func fragments(id uint16, n int) (frames [][]byte) {
	for i := range n {
		b := make([]byte, 14+20+8)
		copy(b, []byte{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0})
		ip := b[14:]
		ip[0], ip[8], ip[9] = 0x45, 64, 17
		binary.BigEndian.PutUint16(ip[2:], uint16(len(ip)))
		binary.BigEndian.PutUint16(ip[4:], id)
		offset := uint16(i)
		if i < n-1 {
			offset |= 0x2000
		}
		binary.BigEndian.PutUint16(ip[6:], offset)
		copy(ip[12:], netip.MustParseAddr("192.0.2.1").AsSlice())
		copy(ip[16:], netip.MustParseAddr("192.0.2.2").AsSlice())
		if i == 0 {
			binary.BigEndian.PutUint16(ip[20:], 50000)
			binary.BigEndian.PutUint16(ip[22:], 40001)
			binary.BigEndian.PutUint16(ip[24:], uint16(8*n))
		}
		frames = append(frames, b)
	}
	return frames
}

// TestReversedFragments: fragments that arrive last one first belong to one flow, even after its budget is spent.
func TestReversedFragments(t *testing.T) {
	const datagrams, pieces = 20, 3
	var frames [][]byte
	for id := range uint16(datagrams) {
		all := fragments(id, pieces)
		for i := range all {
			frames = append(frames, all[len(all)-1-i])
		}
	}
	for _, mode := range append(liveModes(t), "afpacket plain") {
		t.Run(mode, func(t *testing.T) {
			h := quietHost(t, 1)
			mode, hook, _ := strings.Cut(mode, " ")
			r := watch(t, h, "--interface", "in0", "--mode", mode, "--hook", hook)
			before, err := h.Counters("in0")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := h.SendFrames(context.Background(), "out0", frames, lab.Sending{Rate: 2000}); err != nil {
				t.Fatal(err)
			}
			wait.Until(t, "all frames come in", func() bool {
				now, err := h.Counters("in0")
				if err != nil {
					t.Fatal(err)
				}
				return now.RxPackets-before.RxPackets >= uint64(len(frames))
			})
			lab.Landed(t)
			flows := r.stop()
			if len(flows) != 1 || flows[0].Client.Packets+flows[0].Server.Packets != uint64(len(frames)) {
				t.Errorf("%+v, want one flow of %d packets", flows, len(frames))
			}
		})
	}
}
