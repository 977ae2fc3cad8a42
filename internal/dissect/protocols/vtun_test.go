// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"strings"
	"testing"
)

// vtund 3's greeting and answer, each in 50 bytes.
var vtunTalk = tcp(5000, S("VTUN server ver 3.X 01/01/2020\n"+strings.Repeat("\x00", 19)),
	C("HOST: home\n"+strings.Repeat("\x00", 39)))

func TestVTun(t *testing.T) {
	wantProtocol(t, vtunTalk, "vtun", `"version":"3.X 01/01/2020"`, `"host":"home"`)
	wantNot(t, tcp(5000, S("VTUN client\n")), "vtun")
	testTruncations(t, "vtun", vtunTalk, 31)
	wantNoAllocations(t, "vtun", vtunTalk)
}

func FuzzVTun(f *testing.F) { fuzzTalks(f, "vtun", vtunTalk) }
