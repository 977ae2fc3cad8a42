// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// The messages are built after the manual.
var muninTalk = tcp(4949, S("# munin node at node.example\n"), C("list\n"))

func TestMunin(t *testing.T) {
	wantProtocol(t, muninTalk, "munin", `"node":"node.example"`)
	wantProtocol(t, tcp(4949, muninTalk.Says[1], muninTalk.Says[0]), "munin", `"node":"node.example"`)
	wantNot(t, tcp(4949, S("# mumin node at node.example\n")), "munin")
	testTruncations(t, "munin", muninTalk, 29)
	wantNoAllocations(t, "munin", muninTalk)
}

func FuzzMunin(f *testing.F) { fuzzTalks(f, "munin", muninTalk) }
