// SPDX-License-Identifier: Apache-2.0

package topology

import (
	"testing"

	"github.com/jsimonetti/rtnetlink/v2"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// messages has one message of each kind that this package reads.
func messages(t testing.TB) []netlink.Message {
	t.Helper()
	message := func(kind netlink.HeaderType, m interface{ MarshalBinary() ([]byte, error) }) netlink.Message {
		b, err := m.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		return netlink.Message{Header: netlink.Header{Type: kind}, Data: b}
	}
	gateway := []byte{192, 168, 1, 1}
	priority, table := uint32(1077), uint32(100)
	return []netlink.Message{
		newLink(t, one),
		message(unix.RTM_NEWROUTE, &rtnetlink.RouteMessage{Family: unix.AF_INET, DstLength: 24, Type: unix.RTN_UNICAST,
			Table:      unix.RT_TABLE_MAIN,
			Attributes: rtnetlink.RouteAttributes{Dst: []byte{10, 1, 2, 0}, Gateway: gateway, OutIface: 3}}),
		message(unix.RTM_NEWRULE, &rtnetlink.RuleMessage{Family: unix.AF_INET, Action: unix.FR_ACT_TO_TBL,
			Attributes: &rtnetlink.RuleAttributes{Priority: &priority, Table: &table}}),
		message(unix.RTM_NEWNEIGH, &rtnetlink.NeighMessage{Family: unix.AF_INET, Index: 3, State: unix.NUD_REACHABLE,
			Attributes: &rtnetlink.NeighAttributes{Address: gateway, LLAddress: []byte{2, 0, 0, 0, 0, 1}}}),
	}
}

// read parses a message as each kind, and returns the number of successes.
func read(m netlink.Message) (understood int) {
	_, isLink, _ := parseLink(m)
	_, isRoute := parseRoute(m)
	_, isRule := parseRule(m)
	_, _, isNeighbour := parseNeighbour(m)
	_, _, _ = parseStatistics(m)
	for _, is := range []bool{isLink, isRoute, isRule, isNeighbour} {
		if is {
			understood++
		}
	}
	return understood
}

// TestMessagesTruncated: no truncated message causes a panic or makes sense as another kind.
func TestMessagesTruncated(t *testing.T) {
	for _, m := range messages(t) {
		if read(m) != 1 {
			t.Errorf("message of type %d is not understood as one kind", m.Header.Type)
		}
		for n := range m.Data {
			read(netlink.Message{Header: m.Header, Data: m.Data[:n:n]})
		}
	}
}

func FuzzMessages(f *testing.F) {
	for _, m := range messages(f) {
		f.Add(uint16(m.Header.Type), m.Data)
	}
	f.Fuzz(func(t *testing.T, kind uint16, data []byte) {
		if read(netlink.Message{Header: netlink.Header{Type: netlink.HeaderType(kind)}, Data: data}) > 1 {
			t.Error("one message is of two kinds")
		}
	})
}
