// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// spotify: the announcement with which clients in a LAN find each other.
var spotifyProtocol = &dissect.Protocol{
	Name: "spotify", Spec: "Spotify client discovery", Category: "music-streaming",
	Over: dissect.UDP, Ports: []uint16{57621}, Start: dissect.FirstBytes(spotifyMagic), MinLength: 16,
	Inspect: inspectSpotify,
}

const spotifyMagic = "SpotUdp0"

func inspectSpotify(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	if !hasPrefix(c.Newest().Payload, spotifyMagic) {
		return dissect.No
	}
	r.SetApplication("spotify")
	return dissect.Yes
}
