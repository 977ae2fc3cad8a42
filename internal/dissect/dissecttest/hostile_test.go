// SPDX-License-Identifier: Apache-2.0

package dissecttest

import (
	"bytes"
	"testing"

	"github.com/weirnet/weir/internal/dissect"
)

// TestRigsCanFail shows each rig a dissector that it must catch.
func TestRigsCanFail(t *testing.T) {
	k := TCP(4, C("hello, world"))
	quadratic := dissect.NewTable([]*dissect.Protocol{{Name: "quadratic", Over: dissect.TCP, Ports: []uint16{4},
		Inspect: func(c *dissect.Conversation, _ *dissect.Result) dissect.Verdict {
			n := 0
			for range c.ToServer() {
				n += bytes.Count(c.ToServer(), []byte{0})
			}
			if n < 0 {
				return dissect.No
			}
			return dissect.NeedMore
		}}})
	if doubles(newPlayer(t, quadratic, k), func(size int) []Say { return []Say{C(make([]byte, size))} }) {
		t.Error("quadratic cost was not noticed")
	}
	panics := dissect.NewTable([]*dissect.Protocol{{Name: "panics", Over: dissect.TCP, Ports: []uint16{4},
		Inspect: func(c *dissect.Conversation, _ *dissect.Result) dissect.Verdict {
			return dissect.Verdict(c.ToServer()[100])
		}}})
	p := newPlayer(t, panics, k)
	caught := 0
	p.pool.OnPanic = func(string, *dissect.Conversation, any) { caught++ }
	p.play(k.Says)
	if caught != 1 || p.pool.Counters.Panics != 1 {
		t.Errorf("OnPanic was called %d times, Panics is %d", caught, p.pool.Counters.Panics)
	}
}
