// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"strings"
	"testing"
)

// The messages are built after draft-ietf-ntp-roughtime §4 and §6.1.
var (
	roughtimeBody  = "\x02\x00\x00\x00\x20\x00\x00\x00NONCZZZZ" + strings.Repeat("n", 32) + strings.Repeat("\x00", 16)
	roughtimeIETF  = udp(2002, C(roughtimeFrame+"\x40\x00\x00\x00"+roughtimeBody))
	roughtimeFirst = udp(2002, C("\x02\x00\x00\x00\x40\x00\x00\x00NONCPAD\xff"+strings.Repeat("n", 64)+
		strings.Repeat("\x00", 944)))
)

func TestRoughtime(t *testing.T) {
	wantProtocol(t, roughtimeIETF, "roughtime", `"message":"request"`)
	wantProtocol(t, roughtimeFirst, "roughtime", `"message":"request"`)
	wantNot(t, udp(2002, C("\x02\x00\x00\x00\x41\x00\x00\x00NONCPAD\xff"+strings.Repeat("n", 64))), "roughtime")
	wantNot(t, udp(2002, C("\x02\x00\x00\x00\x40\x00\x00\x00NOPEPAD\xff"+strings.Repeat("n", 64))), "roughtime")
	testTruncations(t, "roughtime", roughtimeIETF, 76)
	testTruncations(t, "roughtime", roughtimeFirst, 80)
	wantNoAllocations(t, "roughtime", roughtimeFirst)
}

func FuzzRoughtime(f *testing.F) { fuzzTalks(f, "roughtime", roughtimeIETF, roughtimeFirst) }
