// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// teamspeak: TeamSpeak 3's handshake, whose first eight bytes replace a MAC.
var teamspeakProtocol = &dissect.Protocol{
	Name:      "teamspeak",
	Spec:      "TeamSpeak 3 init packet, as observed",
	Category:  "voip",
	Over:      dissect.UDP,
	Ports:     []uint16{9987},
	Start:     dissect.FirstBytes("TS3INIT1"),
	MinLength: 8,
	Inspect:   inspectTeamSpeak,
}

func inspectTeamSpeak(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	if hasPrefix(c.First(), "TS3INIT1") {
		return dissect.Yes
	}
	return dissect.No
}
