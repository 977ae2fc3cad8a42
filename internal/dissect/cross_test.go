// SPDX-License-Identifier: Apache-2.0

package dissect

import (
	"slices"
	"testing"
)

// farPort is a port that no dissector is tried at first.
const farPort = 40961

// testAmongOthers plays each talk to the whole table, at its own port and at one that is nobody's, whole and in part, and fails
// where another dissector takes it: the name must be the one that its own dissector gives when it is alone, and none where that
// gives none.
func testAmongOthers(t testing.TB, own *Table, seeds []talk) {
	t.Helper()
	for i, k := range seeds {
		far := k
		if k.over != IP {
			far.clientPort, far.serverPort = farPort+1, farPort
		}
		for _, k := range []talk{k, far} {
			whole := listenWith(t, testTable, k).protocol
			for _, part := range append(partsOf(k), ended(partsOf(k))...) {
				alone, among := listenWith(t, own, part.talk), listenWith(t, testTable, part.talk)
				if part.pieces && among.protocol != whole && !inPieces[whole] && len(part.says) <= maxPieces {
					t.Errorf("seed %d at port %d, %s: named %q, and %q in one piece", i, k.serverPort, part.name, among.protocol, whole)
				}
				if alone.protocol != among.protocol {
					t.Errorf("seed %d at port %d, %s: named %q, and %q by its own dissector alone", i, k.serverPort, part.name, among.protocol, alone.protocol)
				}
			}
		}
	}
}

// maxPieces is how many segments of a talk in pieces are within the budget of 10.
const maxPieces = 9

// inPieces are names given for the shape of what one packet holds, or at a flow's end.
var inPieces = map[string]bool{"protobuf": true, "ftp-data": true}

type part struct {
	name   string
	pieces bool // all of it is there, in more segments
	talk
}

// partsOf are ways in which a capture shows a conversation.
func partsOf(k talk) []part {
	fromServer := func(m say) bool { return !m.fromClient }
	client, server, rest, swapped := k, k, k, k
	client.says = slices.DeleteFunc(slices.Clone(k.says), fromServer)
	server.says = slices.DeleteFunc(slices.Clone(k.says), func(m say) bool { return m.fromClient })
	rest.says, rest.midstream = k.says[1:], true
	swapped.clientPort, swapped.serverPort, swapped.midstream = k.serverPort, k.clientPort, true
	swapped.says = slices.Clone(k.says)
	for i := range swapped.says {
		swapped.says[i].fromClient = !swapped.says[i].fromClient
	}
	return []part{
		{"whole", false, k}, {"in two segments each", true, segmented(k, 0)}, {"with one byte before the rest", true, segmented(k, 1)},
		{"with a length before the rest", true, segmented(k, 4)}, {"the client's side", false, client}, {"the server's side", false, server},
		{"without its first message", false, rest}, {"swapped", false, swapped},
	}
}

// segmented is the talk with each side's first message over TCP in two segments, the first of n bytes, and with 0 each message in
// two halves.
func segmented(k talk, n int) talk {
	if k.over != TCP {
		return k
	}
	says := k.says
	k.says = nil
	var spoken [2]bool
	for _, m := range says {
		cut, way := n, side(m.fromClient)
		if n == 0 {
			cut = (len(m.bytes) + 1) / 2
		} else if spoken[way] {
			cut = len(m.bytes)
		}
		spoken[way] = true
		k.says = append(k.says, say{m.fromClient, m.bytes[:min(cut, len(m.bytes))]}, say{m.fromClient, m.bytes[min(cut, len(m.bytes)):]})
	}
	return k
}

// ended are the same with the flow's end behind them.
func ended(parts []part) []part {
	for i := range parts {
		parts[i].name += ", ended"
		parts[i].ends = true
	}
	return parts
}

// TestFarPort makes sure that the port is nobody's.
func TestFarPort(t *testing.T) {
	for key := range testTable.byPort {
		if key.port == farPort || key.port == farPort+1 {
			t.Errorf("port %d is a dissector's own", key.port)
		}
	}
}

// TestFewCandidates bounds what Start costs: how many dissectors a first payload of random bytes meets on the mean, and the most
// that any first byte calls. At a session's limit of waiting ones (maxPending), some would be left out.
func TestFewCandidates(t *testing.T) {
	for i, limit := range []struct {
		name       string
		mean, most int
	}{{"TCP", 6, 45}, {"UDP", 10, 42}} {
		total, most := 0, 0
		for _, list := range testTable.byStart[i] {
			total += len(list)
			most = max(most, len(list))
		}
		if mean := total / 256; mean >= limit.mean || most > limit.most {
			t.Errorf("%s: %d candidates by the first byte on the mean, %d at most, want less than %d, and %d", limit.name, mean, most, limit.mean, limit.most)
		}
	}
}
