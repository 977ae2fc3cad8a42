// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built from public knowledge of the NX banners.
var (
	nomachineTalk = tcp(4000, C("NXSH-8.10.1\n"), S("NXD-8.10.1\n"), CX("1603010005 0100000100"))
)

func TestNoMachine(t *testing.T) {
	wantProtocol(t, nomachineTalk, "nomachine", `"client_version":"8.10.1"`, `"server_version":"8.10.1"`)
	wantNot(t, tcp(4000, C("NXT\n")), "nomachine")
	wantNot(t, tcp(4000, S("hello\n")), "nomachine")
	testTruncations(t, "nomachine", nomachineTalk, 12)
	wantNoAllocations(t, "nomachine", nomachineTalk)
}

func FuzzNoMachine(f *testing.F) { fuzzTalks(f, "nomachine", nomachineTalk) }
