// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built from NBD's proto.md.
var (
	nbdTalk = tcp(10809, S("NBDMAGICIHAVEOPT\x00\x03"),
		C("\x00\x00\x00\x03IHAVEOPT\x00\x00\x00\x01\x00\x00\x00\x04disk"))
	nbdOld = tcp(10809, S("NBDMAGIC\x00\x00\x42\x02\x81\x86\x12\x53"))
)

func TestNBD(t *testing.T) {
	wantProtocol(t, nbdTalk, "nbd", `"export":"disk"`)
	wantProtocol(t, nbdOld, "nbd")
	wantNot(t, tcp(10809, S("NBDMAGICAL, ISNT IT")), "nbd")
	for _, k := range []talk{nbdTalk, nbdOld} {
		testTruncations(t, "nbd", k, 16)
		wantNoAllocations(t, "nbd", k)
	}
}

func FuzzNBD(f *testing.F) { fuzzTalks(f, "nbd", nbdTalk, nbdOld) }
