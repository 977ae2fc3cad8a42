// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built from MPD's protocol documentation.
var (
	mpdTalk = tcp(6600, S("OK MPD 0.23.5\n"))
)

func TestMPD(t *testing.T) {
	wantProtocol(t, mpdTalk, "mpd", `"version":"0.23.5"`)
	wantNot(t, tcp(6600, S("OK MPC 0.23\n")), "mpd")
	testTruncations(t, "mpd", mpdTalk, 14)
	wantNoAllocations(t, "mpd", mpdTalk)
}

func FuzzMPD(f *testing.F) { fuzzTalks(f, "mpd", mpdTalk) }
