// SPDX-License-Identifier: Apache-2.0

package dissect

// mpd: the Music Player Daemon's greeting.
var _ = register(Protocol{
	Name:      "mpd",
	Spec:      "MPD protocol documentation: Protocol overview",
	Category:  "music-streaming",
	Over:      TCP,
	Ports:     []uint16{6600},
	Start:     Firsts("OK MPD "),
	MinLength: 7,
	Inspect:   inspectMPD,
})

func inspectMPD(c *Conversation, r *Result) Verdict {
	const greeting = "OK MPD "
	b := c.First()
	if !couldBe(b, greeting) {
		return No
	}
	line, _, whole := cutLine(b)
	if !whole || len(line) <= len(greeting) {
		return NeedMore
	}
	r.Object("mpd").Text("version", line[len(greeting):])
	return Yes
}
