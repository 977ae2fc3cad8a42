// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"strings"
	"testing"
)

// All messages are built by hand in the form in whatsapp.go.
var (
	whatsappNoise  = tcp(443, CX("5741 0603 000024 1222 0a20"+strings.Repeat("ab", 32)))
	whatsappRouted = tcp(443, CX("4544 0001 000002 0805"+"5741 0603 000024 1222 0a20"+strings.Repeat("ab", 32)))
	whatsappFun    = tcp(5222, CX("5741 0105 00000a f80501a5"+strings.Repeat("ab", 6)))
)

func TestWhatsApp(t *testing.T) {
	for _, k := range []talk{whatsappNoise, whatsappRouted, whatsappFun} {
		if h := wantProtocol(t, k, "whatsapp"); h.Application != "whatsapp" {
			t.Errorf("application %q", h.Application)
		}
		testTruncations(t, "whatsapp", k, 8)
		wantNoAllocations(t, "whatsapp", k)
	}
	wantNot(t, tcp(5222, C("WAIT 10 seconds\r\n")), "whatsapp")
	wantNot(t, tcp(5222, CX("5741 0603 000000 1222")), "whatsapp")
	wantNot(t, tcp(5222, CX("4544 0001 ff0002 0805 5741 0603")), "whatsapp")
}

func FuzzWhatsApp(f *testing.F) { fuzzTalks(f, "whatsapp", whatsappNoise, whatsappRouted, whatsappFun) }
