// SPDX-License-Identifier: Apache-2.0

package dissect

import "testing"

// The messages are built after the manual.
var muninTalk = tcp(4949, S("# munin node at node.example\n"), C("list\n"))

func TestMunin(t *testing.T) {
	wantProtocol(t, muninTalk, "munin", `"node":"node.example"`)
	wantProtocol(t, tcp(4949, muninTalk.says[1], muninTalk.says[0]), "munin", `"node":"node.example"`)
	wantNot(t, tcp(4949, S("# mumin node at node.example\n")), "munin")
	testTruncations(t, "munin", muninTalk, 29)
	wantNoAllocations(t, "munin", muninTalk)
}

func FuzzMunin(f *testing.F) { fuzzTalks(f, "munin", muninTalk) }
