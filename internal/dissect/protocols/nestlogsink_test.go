// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand from OpenWeave's message format: to the log upload endpoint (18B4300200000004).
var weaveUpload = tcp(11095, CX("1a00 0013 01000000 010000000030b418 040000000230b418 11010100"))

func TestNestLogSink(t *testing.T) {
	wantProtocol(t, weaveUpload, "nest-log-sink", `"endpoint":4`)
	testTruncations(t, "weave", weaveUpload, 24)
	wantNoAllocations(t, "weave", weaveUpload)
}
