// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"strings"
	"testing"
)

// The exchange has the whitepaper's lengths.
var threemaTalk = tcp(5222, CX(strings.Repeat("c1", 48)), SX(strings.Repeat("e4", 80)),
	CX(strings.Repeat("50", 144)+strings.Repeat("aa", 40)),
	SX(strings.Repeat("e3", 32)+"1400"+strings.Repeat("11", 20)), SX("2400"+strings.Repeat("22", 36)))

func TestThreema(t *testing.T) {
	if h := wantProtocol(t, threemaTalk, "threema"); h.Application != "threema" {
		t.Errorf("application %q", h.Application)
	}
	other := threemaTalk
	other.ServerPort = 5000
	wantNot(t, other, "threema")
	wantNot(t, tcp(5222, threemaTalk.Says[0], threemaTalk.Says[1], threemaTalk.Says[2],
		SX(strings.Repeat("e3", 32)+"0300"+strings.Repeat("11", 20))), "threema")
	wantNot(t, tcp(5222, threemaTalk.Says[:4]...), "threema")
	testTruncations(t, "threema", threemaTalk, 999)
	wantNoAllocations(t, "threema", threemaTalk)
}

func FuzzThreema(f *testing.F) { fuzzTalks(f, "threema", threemaTalk) }
