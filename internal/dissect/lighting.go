// SPDX-License-Identifier: Apache-2.0

package dissect

// The protocols of stage lighting, each with its own name as magic: art-net, and sacn, which streams DMX512-A in ACN.
var (
	_ = register(Protocol{
		Name:      "art-net",
		Spec:      "Art-Net 4, \"Packet definitions\"",
		Category:  "iot",
		Over:      UDP,
		Ports:     []uint16{6454},
		Start:     Firsts(artnetMagic),
		MinLength: len(artnetMagic) + 2,
		Inspect:   inspectArtNet,
	})
	_ = register(Protocol{
		Name:      "sacn",
		Spec:      "ANSI E1.31-2018 §5",
		Category:  "iot",
		Over:      UDP,
		Ports:     []uint16{5568},
		Start:     Of(0),
		MinLength: len(sacnMagic),
		Inspect:   inspectSACN,
	})
)

const (
	artnetMagic = "Art-Net\x00" // then the operation, little endian
	// sacnMagic: the sizes of the preamble and of what ends the message, and the name.
	sacnMagic = "\x00\x10\x00\x00ASC-E1.17\x00\x00\x00"
	// sacnSource is where the source's name is: behind length, vector and component, then length and vector of the framing.
	sacnSource     = len(sacnMagic) + 2 + 4 + 16 + 2 + 4
	sacnSourceName = 64
)

func inspectArtNet(c *Conversation, r *Result) Verdict {
	b := c.First()
	if len(b) < len(artnetMagic)+2 || !hasPrefix(b, artnetMagic) {
		return No
	}
	r.Object("art_net").Int("operation", int64(le16(b[len(artnetMagic):])))
	return Yes
}

func inspectSACN(c *Conversation, r *Result) Verdict {
	b := c.First()
	if !hasPrefix(b, sacnMagic) {
		return No
	}
	if len(b) > sacnSource {
		name, _, _ := cutZero(b[sacnSource:min(len(b), sacnSource+sacnSourceName)])
		r.Object("sacn").Text("source", name)
	}
	return Yes
}
