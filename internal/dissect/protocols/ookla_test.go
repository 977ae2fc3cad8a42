// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand from the document in the entry.
var ooklaHello = tcp(8080, C("HI 0a1b2c3d\r\n"), S("HELLO 2.9 (2.9.2) 2022-11-10\r\n"))

func TestOokla(t *testing.T) {
	wantProtocol(t, ooklaHello, "ookla")
	wantNot(t, tcp(8080, C("HI there\r\n"), S("HELLO world\r\n")), "ookla")
	testTruncations(t, "ookla", ooklaHello, 13)
	wantNoAllocations(t, "ookla", ooklaHello)
}

func FuzzOokla(f *testing.F) { fuzzTalks(f, "ookla", ooklaHello) }
