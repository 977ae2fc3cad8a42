// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"strings"
	"testing"

	"github.com/weirnet/weir/internal/dissect"
)

// A hello, built by hand: type 1, 28 bytes.
var glbpHello = talk{Over: dissect.UDP, ClientPort: 3222, ServerPort: 3222,
	Says: []say{CX("01 00 0001 0000 02005e100001 01 1c" + strings.Repeat("00", 26))}}

func TestGLBP(t *testing.T) {
	wantProtocol(t, glbpHello, "glbp", `"group":1`)
	wantNot(t, udp(3222, CX("02 00 0001 0000 02005e100001 01 1c"+strings.Repeat("00", 26))), "glbp")
	wantNot(t, udp(3222, CX("01 00 0001 0000 02005e100001 01 1d"+strings.Repeat("00", 26))), "glbp")
	testTruncations(t, "glbp", glbpHello, 40)
	wantNoAllocations(t, "glbp", glbpHello)
}

func FuzzGLBP(f *testing.F) { fuzzTalks(f, "glbp", glbpHello) }
