// SPDX-License-Identifier: Apache-2.0

package dissecttest

import (
	"slices"
	"testing"

	"github.com/weirnet/weir/internal/dissect"
)

// FarPort is a port of no dissector.
const FarPort = 40961

// testAmongOthers plays each talk to the whole table, at its own port and at a foreign one, whole and in part, and
// fails if another dissector takes it: the whole table must give the same name as the talk's own dissector alone, or
// none if that gives none.
func testAmongOthers(t testing.TB, all, own *dissect.Table, seeds []Talk) {
	t.Helper()
	for i, k := range seeds {
		far := k
		if k.Over != dissect.IP {
			far.ClientPort, far.ServerPort = FarPort+1, FarPort
		}
		for _, k := range []Talk{k, far} {
			whole := Listen(t, all, k).Protocol
			for _, part := range append(partsOf(k), ended(partsOf(k))...) {
				alone, among := Listen(t, own, part.Talk), Listen(t, all, part.Talk)
				if part.pieces && among.Protocol != whole && !inPieces[whole] && len(part.Says) <= maxPieces {
					t.Errorf("seed %d at port %d, %s: named %q, and %q in one piece", i, k.ServerPort, part.name,
						among.Protocol, whole)
				}
				if alone.Protocol != among.Protocol {
					t.Errorf("seed %d at port %d, %s: named %q, and %q by its own dissector alone", i, k.ServerPort,
						part.name, among.Protocol, alone.Protocol)
				}
			}
		}
	}
}

// maxPieces is how many segments of a talk fit into the budget of 10.
const maxPieces = 9

// inPieces are protocols that dissectors recognise by the shape of one packet, or at a flow's end.
var inPieces = map[string]bool{"protobuf": true, "ftp-data": true}

type part struct {
	name   string
	pieces bool // complete, but in more segments
	Talk
}

// partsOf returns partial and altered captures of a conversation.
func partsOf(k Talk) []part {
	fromServer := func(m Say) bool { return !m.FromClient }
	client, server, rest, swapped := k, k, k, k
	client.Says = slices.DeleteFunc(slices.Clone(k.Says), fromServer)
	server.Says = slices.DeleteFunc(slices.Clone(k.Says), func(m Say) bool { return m.FromClient })
	rest.Says, rest.Midstream = k.Says[1:], true
	swapped.ClientPort, swapped.ServerPort, swapped.Midstream = k.ServerPort, k.ClientPort, true
	swapped.Says = slices.Clone(k.Says)
	for i := range swapped.Says {
		swapped.Says[i].FromClient = !swapped.Says[i].FromClient
	}
	return []part{
		{"whole", false, k}, {"in two segments each", true, segmented(k, 0)}, {"with one byte before the rest", true,
			segmented(k, 1)},
		{"with a length before the rest", true, segmented(k, 4)}, {"the client's side", false, client},
		{"the server's side", false, server},
		{"without its first message", false, rest}, {"swapped", false, swapped},
	}
}

// segmented returns the talk with each side's first TCP message in two segments, the first of n bytes; n = 0 halves
// every message.
func segmented(k Talk, n int) Talk {
	if k.Over != dissect.TCP {
		return k
	}
	says := k.Says
	k.Says = nil
	var spoken [2]bool
	for _, m := range says {
		cut, way := n, dissect.Direction(m.FromClient)
		if n == 0 {
			cut = (len(m.Bytes) + 1) / 2
		} else if spoken[way] {
			cut = len(m.Bytes)
		}
		spoken[way] = true
		k.Says = append(k.Says, Say{m.FromClient, m.Bytes[:min(cut, len(m.Bytes))]},
			Say{m.FromClient, m.Bytes[min(cut, len(m.Bytes)):]})
	}
	return k
}

// ended returns the parts with the flow's end after them.
func ended(parts []part) []part {
	for i := range parts {
		parts[i].name += ", ended"
		parts[i].Ends = true
	}
	return parts
}
