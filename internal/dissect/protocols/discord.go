// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// discord: IP discovery of voice connections (Discord developer documentation, "Voice Connections", IP Discovery), and
// the pings with which clients choose a voice server and keep the NAT mapping alive.
var discordProtocol = &dissect.Protocol{
	Name:      "discord",
	Spec:      "Discord developer documentation, Voice Connections, IP Discovery",
	Category:  "voip",
	Over:      dissect.UDP,
	Start:     dissect.BytesOf(0x00, 0x13),
	MinLength: discordPing,
	Inspect:   inspectDiscord,
}

const (
	discordPing      = 8  // magic and counter
	discordDiscovery = 74 // type, length, SSRC, address (64 bytes), port
	discordMagic     = 0x1337cafe
)

func inspectDiscord(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	b := c.Datagrams[0].Payload
	switch c.Datagrams[0].Length {
	case discordPing:
		if len(b) < discordPing || be32(b) != discordMagic {
			return dissect.No
		}
	case discordDiscovery:
		if !isDiscordDiscovery(b) {
			return dissect.No
		}
	default:
		return dissect.No
	}
	r.SetApplication("discord")
	return dissect.Yes
}

// isDiscordDiscovery reports whether b is a request with the address still empty, or a response with a textual address,
// padded with zeros.
func isDiscordDiscovery(b []byte) bool {
	if len(b) < discordDiscovery || b[0] != 0 || b[1] != 1 && b[1] != 2 || be16(b[2:]) != discordDiscovery-4 ||
		be32(b[4:]) == 0 {
		return false
	}
	text, end := b[8:72], 0
	for end < len(text) && text[end] != 0 {
		end++
	}
	for _, zero := range text[end:] {
		if zero != 0 {
			return false
		}
	}
	if b[1] == 1 {
		return end == 0 // clients leave the port undefined
	}
	return parseAddr(text[:end]).IsValid()
}
