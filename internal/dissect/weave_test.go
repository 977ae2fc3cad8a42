// SPDX-License-Identifier: Apache-2.0

package dissect

import "testing"

// Built by hand from OpenWeave's message format: to the log upload endpoint (18B4300200000004), and between devices.
var (
	weaveUpload = tcp(11095, CX("1a00 0013 01000000 010000000030b418 040000000230b418 11010100"))
	weaveLocal  = udp(11095, CX("0013 01000000 010000000030b418 020000000030b418 11010100"))
)

func TestWeave(t *testing.T) {
	wantProtocol(t, weaveLocal, "weave")
	wantNot(t, udp(11095, CX("0013 01000000 010000000030b419 020000000030b419 11010100")), "weave")
	wantNot(t, udp(11095, CX("0033 01000000 010000000030b418 020000000030b418 11010100")), "weave")
	testTruncations(t, "weave", weaveLocal, 22)
	wantNoAllocations(t, "weave", weaveLocal)
}

func TestNestLogSink(t *testing.T) {
	wantProtocol(t, weaveUpload, "nest-log-sink", `"endpoint":4`)
	testTruncations(t, "weave", weaveUpload, 24)
	wantNoAllocations(t, "weave", weaveUpload)
}

func FuzzWeave(f *testing.F) { fuzzTalks(f, "weave", weaveUpload, weaveLocal) }
