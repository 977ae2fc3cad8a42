// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"strings"
	"testing"
)

// Request and response are built after the documentation's table of fields.
var (
	discordAsk  = "00010046 00001234" + strings.Repeat("00", 66)
	discordTell = "00020046 00001234" + "3139322e302e322e31" + strings.Repeat("00", 55) + "c000"
	discordTalk = udp(50004, CX(discordAsk), SX(discordTell))
	discordBeat = udp(50004, CX("1337cafe 01000000"), SX("1337cafe 01000000"))
)

func TestDiscord(t *testing.T) {
	for _, k := range []talk{discordTalk, discordBeat, udp(50004, SX(discordTell))} {
		if h := wantProtocol(t, k, "discord"); h.Application != "discord" {
			t.Errorf("application %q", h.Application)
		}
	}
	wantNot(t, udp(50004, CX(strings.Replace(discordAsk, "0046", "0045", 1))), "discord")
	wantNot(t, udp(50004, CX(strings.Replace(discordAsk, "1234", "0000", 1))), "discord")
	wantNot(t, udp(50004, CX(discordAsk[:40]+"ff"+discordAsk[42:])), "discord")
	wantNot(t, udp(50004, SX(strings.Replace(discordTell, "2e", "2f", 1))), "discord")
	wantNot(t, udp(50004, CX("1337cafe 0100000000")), "discord")
	for _, k := range []talk{discordTalk, discordBeat} {
		testTruncations(t, "discord", k, 8)
		wantNoAllocations(t, "discord", k)
	}
}

func FuzzDiscord(f *testing.F) { fuzzTalks(f, "discord", discordTalk, discordBeat) }
