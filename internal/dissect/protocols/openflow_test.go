// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built from the OpenFlow 1.0 and 1.5.1 specifications.
var (
	openflowTalk = tcp(6653, C("\x04\x00\x00\x10\x00\x00\x00\x01\x00\x01\x00\x08\x00\x00\x00\x10"),
		S("\x01\x00\x00\x08\x00\x00\x00\x07"))
)

func TestOpenFlow(t *testing.T) {
	wantProtocol(t, openflowTalk, "openflow", `"version":1`)
	wantNot(t, tcp(6653, C("\x01\x00\x00\x08\x00\x00\x00\x07")), "openflow")
	wantNot(t, tcp(6653, C("\x01\x00\x00\x08\x00\x00\x00\x07"), S("\x01\x01\x00\x08\x00\x00\x00\x07")), "openflow")
	testTruncations(t, "openflow", openflowTalk, 99)
	wantNoAllocations(t, "openflow", openflowTalk)
}

func FuzzOpenFlow(f *testing.F) { fuzzTalks(f, "openflow", openflowTalk) }
