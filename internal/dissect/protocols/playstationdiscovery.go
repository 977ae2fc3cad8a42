// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
)

// playstation-discovery: the search for consoles, and the call that wakes one.
var playstationDiscoveryProtocol = &dissect.Protocol{
	Name: "playstation-discovery", Spec: "PlayStation remote play: device discovery protocol", Category: "gaming",
	Over: dissect.UDP, Ports: []uint16{987, 9302}, Start: dissect.FirstBytes("SRCH", "WAKEUP"), MinLength: 16,
	Inspect: inspectPlaystation,
}

func inspectPlaystation(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	b := c.First()
	if !hasPrefix(b, "SRCH * HTTP/1.1\n") && !hasPrefix(b, "WAKEUP * HTTP/1.1\n") ||
		!bytes.Contains(b, []byte("device-discovery-protocol-version:")) {
		return dissect.No
	}
	r.SetApplication("playstation")
	return dissect.Yes
}
