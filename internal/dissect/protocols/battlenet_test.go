// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"strings"
	"testing"
)

// Built by hand from the document in the entry.
var bncsAuth = tcp(6112, C("\x01\xff\x50\x3a\x00\x00\x00\x00\x0068XIPX3W"+strings.Repeat("\x00", 41)))

func TestBNCS(t *testing.T) {
	wantProtocol(t, bncsAuth, "battle-net", `"product":"W3XP"`)
	testTruncations(t, "battle-net", bncsAuth, 5)
	wantNoAllocations(t, "battle-net", bncsAuth)
}

func FuzzBNCS(f *testing.F) { fuzzTalks(f, "battle-net", bncsAuth) }
