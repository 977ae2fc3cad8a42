// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"strings"
	"testing"
)

// The messages are built by hand after core.telegram.org/mtproto/samples-auth_key and the transports' description.
const telegramReq = "0000000000000000 4a967027c47ae551 14000000 78974660 3e0549828cca27e966b301a48fece2fc"

var (
	telegramAbridged     = tcp(443, CX("ef 0a"+telegramReq))
	telegramIntermediate = tcp(443, CX("eeeeeeee 28000000"+telegramReq))
	telegramFull         = tcp(80, CX("34000000 00000000"+telegramReq+"12345678"))
	telegramCall         = udp(530, CX("0102030405060708090a0b0c0d0e0f10"+strings.Repeat("ff", 12)+
		"feffffff 0123456789abcdef"),
		SX("0102030405060708090a0b0c0d0e0f10"+strings.Repeat("ff", 12)+"feffffff 0123456789abcdef 00000001"))
)

func TestTelegram(t *testing.T) {
	for _, k := range []talk{telegramAbridged, telegramIntermediate, telegramFull, telegramCall} {
		if h := wantProtocol(t, k, "telegram"); h.Application != "telegram" {
			t.Errorf("application %q", h.Application)
		}
		testTruncations(t, "telegram", k, 26)
		wantNoAllocations(t, "telegram", k)
	}
	wantNot(t, tcp(443, CX("ef 0a"+strings.Replace(telegramReq, "78974660", "78974661", 1))), "telegram")
	wantNot(t, udp(530, CX("80000001000000a00000123400000000"+strings.Repeat("ff", 12)+"feffffff"),
		CX("80000002000001400000123400000000"+strings.Repeat("ff", 12)+"feffffff")), "telegram")
	wantNot(t, udp(530, CX(strings.Repeat("00", 16)+strings.Repeat("ff", 11)+"fefeffffff 0123456789abcdef")),
		"telegram")
}

func FuzzTelegram(f *testing.F) {
	fuzzTalks(f, "telegram", telegramAbridged, telegramIntermediate, telegramFull)
}

func FuzzTelegramRelay(f *testing.F) { fuzzTalks(f, "telegram", telegramCall) }
