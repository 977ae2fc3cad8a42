// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// mpd: the Music Player Daemon's greeting.
var mpdProtocol = &dissect.Protocol{
	Name:      "mpd",
	Spec:      "MPD protocol documentation: Protocol overview",
	Category:  "music-streaming",
	Over:      dissect.TCP,
	Ports:     []uint16{6600},
	Start:     dissect.FirstBytes("OK MPD "),
	MinLength: 7,
	Members:   []string{"mpd.version"},
	Inspect:   inspectMPD,
}

func inspectMPD(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	const greeting = "OK MPD "
	b := c.First()
	if !couldBe(b, greeting) {
		return dissect.No
	}
	line, _, whole := cutLine(b)
	if !whole || len(line) <= len(greeting) {
		return dissect.NeedMore
	}
	r.Object("mpd").Text("version", line[len(greeting):])
	return dissect.Yes
}
