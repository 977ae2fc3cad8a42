// SPDX-License-Identifier: Apache-2.0

package packet

import "testing"

func TestCooked(t *testing.T) {
	sll2 := []byte{8, 0, 0, 0, 0, 0, 0, 7, 0, 1, 4, 6}
	for _, c := range []struct {
		name      string
		link      LinkType
		frame     []byte
		ifindex   uint32
		direction Direction
	}{
		{"version 1, to this host", LinkLinuxSLL, []byte{0, 0}, 0, Inbound},
		{"version 1, to another host", LinkLinuxSLL, []byte{0, 3}, 0, Inbound},
		{"version 1, outgoing", LinkLinuxSLL, []byte{0, 4}, 0, Outbound},
		{"version 1, a type that is never captured", LinkLinuxSLL, []byte{0, 5}, 0, DirectionUnknown},
		{"version 2, outgoing", LinkLinuxSLL2, sll2, 7, Outbound},
		{"Ethernet", LinkEthernet, sll2, 0, DirectionUnknown},
	} {
		if ifindex, d := Cooked(c.link, c.frame); ifindex != c.ifindex || d != c.direction {
			t.Errorf("%s: interface %d, direction %d; want %d, %d", c.name, ifindex, d, c.ifindex, c.direction)
		}
	}
	for n := range 11 {
		if ifindex, d := Cooked(LinkLinuxSLL2, sll2[:n]); ifindex != 0 || d != DirectionUnknown {
			t.Errorf("%d bytes of a version 2 header say interface %d, direction %d", n, ifindex, d)
		}
	}
}
