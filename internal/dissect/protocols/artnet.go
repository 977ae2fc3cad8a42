// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// art-net: stage lighting, by the magic "Art-Net".
var artNetProtocol = &dissect.Protocol{
	Name:      "art-net",
	Spec:      "Art-Net 4, \"Packet definitions\"",
	Category:  "iot",
	Over:      dissect.UDP,
	Ports:     []uint16{6454},
	Start:     dissect.FirstBytes(artnetMagic),
	MinLength: len(artnetMagic) + 2,
	Members:   []string{"art_net.operation"},
	Inspect:   inspectArtNet,
}

const artnetMagic = "Art-Net\x00" // then the operation, little endian

func inspectArtNet(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	b := c.First()
	if len(b) < len(artnetMagic)+2 || !hasPrefix(b, artnetMagic) {
		return dissect.No
	}
	r.Object("art_net").Int("operation", int64(le16(b[len(artnetMagic):])))
	return dissect.Yes
}
