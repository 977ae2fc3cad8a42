// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"strings"
	"testing"
)

// Both are built by hand after the description's tables.
var (
	kakaoKey  = tcp(5223, CX("00010000 0e000000 02000000"+strings.Repeat("a7", 256)))
	kakaoLOCO = tcp(443, C("\x01\x00\x00\x00\x00\x00GETCONF\x00\x00\x00\x00\x00\x05\x00\x00\x00\x05\x00\x00\x00\x00"))
)

func TestKakaoTalk(t *testing.T) {
	for _, k := range []talk{kakaoKey, kakaoLOCO} {
		if h := wantProtocol(t, k, "kakaotalk"); h.Application != "kakaotalk" {
			t.Errorf("application %q", h.Application)
		}
		testTruncations(t, "kakaotalk", k, 12)
		wantNoAllocations(t, "kakaotalk", k)
	}
	wantNot(t, tcp(5223, CX("00010000 0e000001 02000000"+strings.Repeat("a7", 256))), "kakaotalk")
	wantNot(t, tcp(443, C("\x01\x00\x00\x00\x00\x00GETCONF\x00\x00\x00\x00\x00\x05\x00\x00\x00\x06\x00\x00\x00\x00")),
		"kakaotalk")
}

func FuzzKakaoTalk(f *testing.F) { fuzzTalks(f, "kakaotalk", kakaoKey, kakaoLOCO) }
