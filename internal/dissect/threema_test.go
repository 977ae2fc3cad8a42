// SPDX-License-Identifier: Apache-2.0

package dissect

import (
	"strings"
	"testing"
)

// The exchange has the whitepaper's lengths.
var threemaTalk = tcp(5222, CX(strings.Repeat("c1", 48)), SX(strings.Repeat("e4", 80)), CX(strings.Repeat("50", 144)+strings.Repeat("aa", 40)),
	SX(strings.Repeat("e3", 32)+"1400"+strings.Repeat("11", 20)), SX("2400"+strings.Repeat("22", 36)))

func TestThreema(t *testing.T) {
	if h := wantProtocol(t, threemaTalk, "threema"); h.application != "threema" {
		t.Errorf("application %q", h.application)
	}
	other := threemaTalk
	other.serverPort = 5000
	wantNot(t, other, "threema")
	wantNot(t, tcp(5222, threemaTalk.says[0], threemaTalk.says[1], threemaTalk.says[2], SX(strings.Repeat("e3", 32)+"0300"+strings.Repeat("11", 20))), "threema")
	wantNot(t, tcp(5222, threemaTalk.says[:4]...), "threema")
	testTruncations(t, "threema", threemaTalk, 999)
	wantNoAllocations(t, "threema", threemaTalk)
}

func FuzzThreema(f *testing.F) { fuzzTalks(f, "threema", threemaTalk) }
