// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// rtp: RTP (RFC 3550 §5.1) and SRTP, whose header is the same (RFC 3711 §3.1), over UDP, and over TCP after 2-byte
// lengths (RFC 4571). One header is not distinctive, but a sequence of them is.
var rtpOverUDPProtocol = &dissect.Protocol{
	Name:     "rtp",
	Spec:     "RFC 3550 §5.1, §A.1; RFC 3711 §3.1; RFC 7983 §7",
	Category: "voip",
	Over:     dissect.UDP,
	// Version 2, or the protocols that share flows with RTP (RFC 7983 §7)
	Start:     dissect.ByteRange(0x80, 0xbf).Or(dissect.ByteRange(0x00, 0x03)),
	MinLength: rtpHeaderSize + 1,
	Heuristic: true,
	Members:   []string{"rtp.payload_type"},
	Inspect:   inspectRTP,
}

var rtpOverTCPProtocol = &dissect.Protocol{
	Name:      "rtp",
	Spec:      "RFC 4571 §2",
	Category:  "voip",
	Over:      dissect.TCP,
	Start:     dissect.ByteRange(0x00, 0x05), // the length's first byte
	MinLength: rtpHeaderSize + 1,
	Heuristic: true,
	Members:   []string{"rtp.payload_type"},
	Inspect:   inspectRTP,
}

const (
	rtpHeaderSize = 12
	// rtpRow consecutive packets of one source are certain: each but the first must repeat 32 bits, and fit another 28
	// (RFC 3550 §A.1 wants 2 in sequence even if the port announces RTP).
	rtpRow = 3
	// rtpRowBoth is that number if both directions have such a sequence.
	rtpRowBoth = 2
	// rtpRowNobody is that number if the source is 0: 28 bits each.
	rtpRowNobody = 6
	// rtpMaxGap bounds the advance of the sequence number to the next packet: §A.1's MIN_SEQUENTIAL wants consecutive
	// packets, but the network or the capture may lose a few.
	rtpMaxGap = 32
	// rtpMaxStep bounds the advance of the timestamp between two packets: 30 s of a 90 kHz clock.
	rtpMaxStep = 30 * 90000
	// rtpMaxFrames bounds the packets read of a TCP stream.
	rtpMaxFrames = 16
)

// rtpHeader is a packet's fixed header.
type rtpHeader struct {
	payloadType, seq int
	timestamp, ssrc  uint32
}

// readRTP reads the header of a packet with length bytes on the wire, and checks it against §5.1 and §5.3.1.
func readRTP(b []byte, length int) (h rtpHeader, ok bool) {
	if len(b) < rtpHeaderSize || b[0]>>6 != 2 {
		return h, false
	}
	h = rtpHeader{int(b[1] & 0x7f), be16(b[2:]), ube32(b[4:]), ube32(b[8:])}
	size := rtpHeaderSize + 4*int(b[0]&0x0f)
	if b[0]&0x10 != 0 && len(b) >= size+4 {
		size += 4 + 4*be16(b[size+2:])
	}
	return h, size < length && rtpPayloadType(h.payloadType)
}

// rtpPayloadType reports whether t is a payload type of RFC 3551 §6, or dynamic. 64 to 95 would be RTCP (RFC 5761 §4).
func rtpPayloadType(t int) bool { return t <= 34 && t != 1 && t != 2 || t >= 96 }

// follows reports whether h can follow before, from the same source.
func (h *rtpHeader) follows(before *rtpHeader) bool {
	gap, step := uint16(h.seq-before.seq), int32(h.timestamp-before.timestamp)
	return h.ssrc == before.ssrc && gap > 0 && gap <= rtpMaxGap && step > -rtpMaxStep && step < rtpMaxStep
}

// rtpRows holds the longest sequence of consecutive packets, for each direction.
type rtpRows struct {
	last    [2]rtpHeader
	row     [2]int
	longest [2]int
	steps   bool // a timestamp or payload type changed: constants there would mean another protocol's counter
	nobody  bool // source 0, which few senders choose and which fixes nothing
	first   rtpHeader
}

func (t *rtpRows) add(way int, h *rtpHeader) {
	before := &t.last[way]
	if h.ssrc == 0 {
		t.nobody = true
	}
	switch {
	case t.row[way] > 0 && h.follows(before):
		t.row[way]++
		t.steps = t.steps || h.timestamp != before.timestamp
	case t.row[way] > 0 && *h == *before:
		// Sent twice, or captured twice
	default:
		t.row[way] = 1
	}
	if t.longest == [2]int{} {
		t.first = *h
	}
	*before = *h
	t.longest[way] = max(t.longest[way], t.row[way])
}

func (t *rtpRows) certain() bool {
	low, high := min(t.longest[0], t.longest[1]), max(t.longest[0], t.longest[1])
	if t.nobody {
		return high >= rtpRowNobody && t.steps
	}
	return high >= rtpRow && (t.steps || high > rtpRow) || low >= rtpRowBoth && t.steps
}

func inspectRTP(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	var rows rtpRows
	v := dissect.NeedMore
	if c.Transport == dissect.TCP {
		v = rows.readStreams(c)
	} else if d := c.Newest(); !rows.readDatagrams(c) && !isSharedWithRTP(d.Payload) {
		v = dissect.No
	}
	if rows.certain() {
		rows.tell(r)
		return dissect.Yes
	}
	return v
}

// rtpCertain reports whether a flow with other datagrams too has a certain sequence of RTP packets.
func rtpCertain(c *dissect.Conversation) bool {
	var rows rtpRows
	rows.readDatagrams(c)
	return rows.certain()
}

// readDatagrams reads all datagrams and reports whether the newest is RTP.
func (t *rtpRows) readDatagrams(c *dissect.Conversation) (newest bool) {
	for i := range c.Datagrams {
		d := &c.Datagrams[i]
		var h rtpHeader
		if h, newest = readRTP(d.Payload, d.Length); newest {
			t.add(dissect.Direction(d.FromClient), &h)
		}
	}
	return newest
}

// isSharedWithRTP reports whether b belongs to a protocol that shares RTP's flows: RTCP, STUN, DTLS, TURN channels (RFC
// 7983 §7), or keep-alives (RFC 6263 §4).
func isSharedWithRTP(b []byte) bool {
	return len(b) < rtpHeaderSize || b[0] <= 3 || b[0] >= 20 && b[0] <= 79 || isRTCP(b)
}

// readStreams reads the frames of both directions of a TCP flow.
func (t *rtpRows) readStreams(c *dissect.Conversation) dissect.Verdict {
	for way, b := range [2][]byte{c.ToServer(), c.ToClient()} {
		for range rtpMaxFrames {
			if len(b) < 2+rtpHeaderSize {
				break
			}
			n := be16(b)
			h, ok := readRTP(b[2:], n)
			if !ok && !isSharedWithRTP(b[2:]) || n < 4 {
				return dissect.No
			}
			if ok {
				t.add(way, &h)
			}
			b = b[min(len(b), 2+n):]
		}
	}
	return dissect.NeedMore
}

func (t *rtpRows) tell(r *dissect.Result) {
	r.Object("rtp").Int("payload_type", int64(t.first.payloadType))
}
