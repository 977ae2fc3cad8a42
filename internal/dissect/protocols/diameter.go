// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// diameterMembers are those that Diameter fills over any transport.
var diameterMembers = []string{"diameter.application_id", "diameter.command", "diameter.destination_host",
	"diameter.origin_host", "diameter.origin_realm", "diameter.request"}

// diameter: over TCP and SCTP (RFC 6733 §3, §4).
var diameterOverTCPProtocol = &dissect.Protocol{
	Name:      "diameter",
	Spec:      "RFC 6733 §3, §4.1",
	Category:  "authentication",
	Over:      dissect.TCP,
	Ports:     []uint16{3868},
	Start:     dissect.BytesOf(1),
	MinLength: diameterHeader,
	Members:   diameterMembers,
	Inspect:   inspectDiameter,
}

var diameterOverSCTPProtocol = &dissect.Protocol{
	Name:      "diameter",
	Spec:      "RFC 6733 §2.1",
	Category:  "authentication",
	Over:      dissect.SCTP,
	Ports:     []uint16{3868},
	Start:     dissect.ByteRange(sctpData, 11), // the first chunk of a captured association
	MinLength: sctpChunkHeader,
	Members:   diameterMembers,
	Inspect:   inspectDiameter,
}

const (
	diameterHeader = 20
	// maxDiameterAVPs bounds the walked AVPs; those that name the peers come first (RFC 6733 §6.1).
	maxDiameterAVPs = 64
)

func inspectDiameter(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	b := c.First()
	if c.Transport == dissect.SCTP {
		_, b = sctpUserData(c.Newest())
	}
	if len(b) > 0 && b[0] != 1 {
		return dissect.No
	}
	if len(b) < diameterHeader+8 {
		return dissect.NeedMore
	}
	length, command := be24(b[1:]), be24(b[5:])
	// Receivers ignore reserved flags, here and in AVPs (§3, §4.1).
	if b[0] != 1 || length < diameterHeader+8 || length%4 != 0 || command < 256 || b[4]&0xa0 == 0xa0 {
		return dissect.No
	}
	o := r.Object("diameter")
	o.Int("command", int64(command))
	o.Int("application_id", int64(ube32(b[8:])))
	o.Bool("request", b[4]&0x80 != 0)
	avps := b[diameterHeader:min(length, len(b))]
	host, realm, destination := false, false, false
	for i := range maxDiameterAVPs {
		const avpHeader, originHost, originRealm, destinationHost = 8, 264, 296, 293
		const firstBase, lastBase, mandatory = 257, 299, 0x40 // the base protocol's own AVPs, RFC 6733 §4.5
		if len(avps) < avpHeader {
			break
		}
		size := be24(avps[5:])
		if size < avpHeader || i == 0 && (size > length-diameterHeader || be32(avps) < firstBase ||
			be32(avps) > lastBase || avps[4]&mandatory == 0) {
			return dissect.No
		}
		if size > len(avps) {
			break
		}
		switch value, code := avps[avpHeader:size], be32(avps); {
		case code == originHost && !host:
			o.Text("origin_host", value)
			host = true
		case code == originRealm && !realm:
			o.Text("origin_realm", value)
			realm = true
		case code == destinationHost && !destination:
			o.Text("destination_host", value)
			destination = true
		}
		avps = avps[min((size+3)&^3, len(avps)):]
	}
	return dissect.Yes
}
