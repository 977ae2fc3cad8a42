// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"encoding/binary"

	"github.com/weirnet/weir/internal/dissect"
)

// netflow: versions 1, 5, 7 and 9 (Cisco's export formats; RFC 3954), and IPFIX (RFC 7011), whose version number is 10.
var netflowProtocol = &dissect.Protocol{
	Name:      "netflow",
	Spec:      "RFC 3954 §5; RFC 7011 §3; Cisco NetFlow export datagram formats",
	Category:  "network",
	Over:      dissect.UDP,
	Ports:     []uint16{2055, 9995, 9996, 4739},
	Start:     dissect.BytesOf(0),
	MinLength: 16,
	Members:   []string{"netflow.version"},
	Inspect:   inspectNetFlow,
}

// netflowFixed are the fixed header and record sizes of some versions, and the maximum number of records.
var netflowFixed = [8]struct{ header, record, most int }{1: {16, 52, 24}, 5: {24, 48, 30}, 6: {24, 52, 27},
	7: {24, 52, 27}}

const (
	// netflowEpoch is 1996, NetFlow's first year: only an exporter whose clock was never set reports an earlier time.
	netflowEpoch = 820454400
	// netflowEnd is 2070: the latest plausible time of a clock.
	netflowEnd = 3155760000
	// maxNetFlowSets bounds the sets walked in a message: each has at least four bytes.
	maxNetFlowSets = 512
)

func inspectNetFlow(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	d := &c.Datagrams[0]
	b := d.Payload
	if len(b) < 16 {
		return dissect.No
	}
	version, count := be16(b), be16(b[2:])
	o := r.Object("netflow")
	o.Int("version", int64(version))
	switch version {
	case 1, 5, 6, 7:
		f := netflowFixed[version]
		if count == 0 || count > f.most || f.header+count*f.record != d.Length ||
			!netflowTime(binary.BigEndian.Uint32(b[8:])) || ube32(b[12:]) >= 1e9 {
			return dissect.No
		}
		return dissect.Yes
	case 9:
		const header, firstData = 20, 256
		if len(b) < header+4 || count == 0 || count*4 > d.Length-header ||
			!netflowTime(binary.BigEndian.Uint32(b[8:])) {
			// A record has at least four bytes
			return dissect.No
		}
		return netflowSets(b[header:], d.Length > len(b), 1, firstData)
	case 10:
		const header, firstData = 16, 256
		if count != d.Length || len(b) < header+4 || !netflowTime(binary.BigEndian.Uint32(b[4:])) {
			return dissect.No
		}
		return netflowSets(b[header:], d.Length > len(b), 3, firstData)
	}
	return dissect.No
}

func netflowTime(seconds uint32) bool { return seconds >= netflowEpoch && seconds < netflowEnd }

// netflowSets walks the sets: an identifier (0 and 1 are version 9's templates, 2 and 3 IPFIX's, data from 256 on) and
// a length including this header. They must end with the message, except for padding.
func netflowSets(b []byte, cut bool, lastTemplate, firstData int) dissect.Verdict {
	for range maxNetFlowSets {
		if len(b) < 4 {
			return dissect.Yes
		}
		id, length := be16(b), be16(b[2:])
		if id > lastTemplate && id < firstData || id < lastTemplate-1 || length < 4 || length > len(b) && !cut {
			return dissect.No
		}
		if length > len(b) {
			return dissect.Yes
		}
		b = b[length:]
	}
	return dissect.Yes
}
