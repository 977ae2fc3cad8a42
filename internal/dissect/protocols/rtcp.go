// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// rtcp: RTCP (RFC 3550 §6) and SRTCP (RFC 3711 §3.4), whose first 8 bytes are cleartext. A flow that also carries RTP
// (RFC 5761) is rtp.
var rtcpProtocol = &dissect.Protocol{
	Name:      "rtcp",
	Also:      []string{"rtp"},
	Spec:      "RFC 3550 §6.1, §A.2; RFC 3711 §3.4; RFC 4585 §6.1; RFC 3611 §2",
	Category:  "voip",
	Over:      dissect.UDP,
	Start:     dissect.ByteRange(0x80, 0xbf),
	MinLength: 8,
	Heuristic: true,
	Extra:     4,
	Members:   []string{"rtp.payload_type"},
	Inspect:   inspectRTCP,
}

// Packet types (IANA RTCP Control Packet Types).
const (
	rtcpSR   = 200
	rtcpRR   = 201
	rtcpSDES = 202
	rtcpXR   = 207
	// rtcpMaxPackets bounds the packets of a compound: no MTU holds more sensible ones.
	rtcpMaxPackets = 32
)

// isRTCP reports whether b begins as an RTCP packet: version 2 and a known type.
func isRTCP(b []byte) bool {
	return len(b) >= 8 && b[0]>>6 == 2 && b[1] >= rtcpSR && b[1] <= rtcpXR
}

func inspectRTCP(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	var rows rtpRows
	compound, encrypted := 0, 0
	var sources [2]int
	for i := range c.Datagrams {
		d := &c.Datagrams[i]
		if !isRTCP(d.Payload) {
			if h, ok := readRTP(d.Payload, d.Length); ok {
				rows.add(dissect.Direction(d.FromClient), &h)
			} else if i == 0 || !isSharedWithRTP(d.Payload) {
				return dissect.No
			}
			continue
		}
		if packets := walkRTCP(d.Payload, d.Length); packets > 0 {
			compound += packets
		} else if !beginsSRTCP(d.Payload, d.Length) {
			return dissect.No
		} else if source, way := be32(d.Payload[4:]), dissect.Direction(d.FromClient); source == sources[way] {
			encrypted++
		} else {
			sources[way] = source
		}
	}
	switch {
	case rows.certain():
		r.SetProtocol("rtp")
		rows.tell(r)
		return dissect.Yes
	case compound >= 2 || encrypted >= 2:
		return dissect.YesMore
	}
	return dissect.NeedMore
}

// walkRTCP counts the packets of a compound whose lengths fill it exactly; 0 if they don't.
func walkRTCP(b []byte, length int) int {
	packets := 0
	for ; packets < rtcpMaxPackets && length > 0; packets++ {
		if len(b) == 0 && packets > 1 {
			return packets // the capture cut the rest
		}
		if !isRTCP(b) && (len(b) < 4 || b[0]>>6 != 2 || b[1] < rtcpSR || b[1] > rtcpXR) {
			return 0
		}
		n := 4 + 4*be16(b[2:])
		if n > length || (b[1] == rtcpSR || b[1] == rtcpRR) && n < rtcpReportSize(b) {
			return 0
		}
		b, length = b[min(len(b), n):], length-n
	}
	if length != 0 {
		return 0
	}
	return packets
}

// rtcpReportSize returns the minimum length of a sender's or receiver's report with its blocks (RFC 3550 §6.4).
func rtcpReportSize(b []byte) int {
	const header, sender, block = 8, 20, 24
	size := header + int(b[0]&0x1f)*block
	if b[1] == rtcpSR {
		size += sender
	}
	return size
}

// beginsSRTCP reports whether b begins with a report's header, and exceeds it by SRTCP's trailer: index, and a tag of
// at least 4 bytes.
func beginsSRTCP(b []byte, length int) bool {
	const trailer = 4 + 4
	n := 4 + 4*be16(b[2:])
	return (b[1] == rtcpSR || b[1] == rtcpRR) && n >= rtcpReportSize(b) && n+trailer <= length && be32(b[4:]) != 0
}
