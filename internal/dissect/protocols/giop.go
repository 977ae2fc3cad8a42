// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// giop: CORBA's General Inter-ORB Protocol, by its 12-byte header.
var giopProtocol = &dissect.Protocol{
	Name:      "giop",
	Spec:      "OMG CORBA 3.3 part 2 §9.4.1",
	Category:  "rpc",
	Over:      dissect.TCP,
	Ports:     []uint16{683},
	Start:     dissect.FirstBytes("GIOP"),
	MinLength: 4,
	Members:   []string{"giop.minor_version"},
	Inspect:   inspectGIOP,
}

// MIOP: multicast GIOP messages, split into packets with their own headers.
var miopProtocol = &dissect.Protocol{
	Name:      "giop",
	Spec:      "OMG MIOP 1.0 §29.4.1",
	Category:  "rpc",
	Over:      dissect.UDP,
	Start:     dissect.FirstBytes("MIOP"),
	MinLength: miopHeader,
	Members:   []string{"giop.minor_version"},
	Inspect:   inspectMIOP,
}

const (
	// miopHeader: "MIOP", version 1.x in two halves, flags (the lowest: little endian), length, number, number of
	// packets, length of the identifier, which follows.
	miopHeader     = 4 + 1 + 1 + 2 + 4 + 4 + 4
	miopIdentifier = 252 // at most
)

func inspectMIOP(c *dissect.Conversation, _ *dissect.Result) dissect.Verdict {
	d := c.Newest()
	b := d.Payload
	if len(b) < miopHeader || !hasPrefix(b, "MIOP") || b[4]>>4 != 1 {
		return dissect.No
	}
	length, number, count, identifier := be16(b[6:]), be32(b[8:]), be32(b[12:]), be32(b[16:])
	if b[5]&1 != 0 {
		length, number, count, identifier = le16(b[6:]), le32(b[8:]), le32(b[12:]), le32(b[16:])
	}
	if identifier > miopIdentifier || count > 0 && number >= count {
		return dissect.No
	}
	header := miopHeader + identifier
	return verdictIf(header+length == d.Length || (header+7)&^7+length == d.Length)
}

func inspectGIOP(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	const header, minors, types = 12, 3, 7
	b := c.First()
	if !couldBe(b, "GIOP\x01") {
		return dissect.No
	}
	if len(b) < header {
		return dissect.NeedMore
	}
	if b[5] > minors || b[6] > 3 || b[7] > types {
		return dissect.No
	}
	o := r.Object("giop")
	o.Int("minor_version", int64(b[5]))
	return dissect.Yes
}
