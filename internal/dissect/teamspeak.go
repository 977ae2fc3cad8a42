// SPDX-License-Identifier: Apache-2.0

package dissect

// teamspeak: TeamSpeak 3's handshake, whose first eight bytes stand in the place of a MAC.
var _ = register(Protocol{
	Name:      "teamspeak",
	Spec:      "TeamSpeak 3 init packet, as observed",
	Category:  "voip",
	Over:      UDP,
	Ports:     []uint16{9987},
	Start:     Firsts("TS3INIT1"),
	MinLength: 8,
	Inspect:   inspectTeamSpeak,
})

func inspectTeamSpeak(c *Conversation, r *Result) Verdict {
	if hasPrefix(c.First(), "TS3INIT1") {
		return Yes
	}
	return No
}
