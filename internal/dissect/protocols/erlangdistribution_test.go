// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand from the distribution protocol's tables: both forms of the name, and the status.
var (
	erlangOld = tcp(45761, CX("0012 6e 0005 00037fbd"+"616c69636540686f7374 31"), SX("0003 73 6f6b"))
	erlangNew = tcp(45761, CX("001a 4e 0000000d07df7fbd 00000001 000b"+"616c69636540686f737431"), SX("0003 73 6f6b"))
)

func TestErlangDistribution(t *testing.T) {
	wantProtocol(t, erlangOld, "erlang-distribution", `"node":"alice@host1"`)
	wantProtocol(t, erlangNew, "erlang-distribution", `"node":"alice@host1"`)
	wantNot(t, tcp(45761, erlangOld.Says[0], S("no")), "erlang-distribution")
	wantNot(t, tcp(45761, CX("001a 4e 0000000d07df7fbd 00000001 000b"+"616c69636521686f737431")), "erlang-distribution")
	wantNot(t, tcp(45761, CX("001b 4e 0000000d07df7fbd 00000001 000b"+"616c69636540686f737431 00")),
		"erlang-distribution")
	testTruncations(t, "erlang-distribution", erlangOld, 99)
	testTruncations(t, "erlang-distribution", erlangNew, 28)
	wantNoAllocations(t, "erlang-distribution", erlangNew)
}

func FuzzErlangDistribution(f *testing.F) { fuzzTalks(f, "erlang-distribution", erlangOld, erlangNew) }
