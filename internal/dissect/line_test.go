// SPDX-License-Identifier: Apache-2.0

package dissect

import (
	"fmt"
	"strings"
	"testing"
)

// lineDatagram is built by hand in the form that line.go describes.
func lineDatagram(kind, counter, length int) string {
	return fmt.Sprintf("%04x%04x%s", kind<<11|length-4, counter, strings.Repeat("a5", length-4))
}

var lineCall = udp(20610, CX(lineDatagram(0x1b, 10, 100)), SX(lineDatagram(0x1a, 7, 300)), CX("80c90001 00001234"),
	CX(lineDatagram(0x1a, 11, 400)), SX(lineDatagram(0x1a, 8, 60)))

func TestLine(t *testing.T) {
	if h := wantProtocol(t, lineCall, "line"); h.application != "line" {
		t.Errorf("application %q", h.application)
	}
	wantNot(t, udp(20610, CX(lineDatagram(0x1b, 10, 100)), CX(lineDatagram(0x1b, 11, 100)), CX(lineDatagram(0x1b, 11, 100)), CX(lineDatagram(0x1b, 12, 100)), CX(lineDatagram(0x1b, 900, 100))), "line")
	wantNot(t, udp(20610, CX(lineDatagram(0x1b, 10, 100)), CX(lineDatagram(0x1b, 11, 100)+"00"), CX(lineDatagram(0x1b, 12, 100)), CX(lineDatagram(0x1b, 13, 100))), "line")
	testTruncations(t, "line", lineCall, 999)
	wantNoAllocations(t, "line", lineCall)
}

func FuzzLine(f *testing.F) { fuzzTalks(f, "line", lineCall) }
