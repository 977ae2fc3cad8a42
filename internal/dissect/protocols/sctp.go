// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// sctp: associations (RFC 9260) whose payload no dissector recognises.
var sctpProtocol = &dissect.Protocol{
	Name:      "sctp",
	Spec:      "RFC 9260 §3.2, §3.3",
	Category:  "network",
	Over:      dissect.SCTP,
	Start:     dissect.ByteRange(0, 14).Or(dissect.BytesOf(0x40, 0x80, 0x81, 0x82, 0x84, 0xc0, 0xc1, 0xc2)),
	MinLength: sctpChunkHeader,
	Heuristic: true, // dissectors of the user data come first
	Members:   []string{"sctp.payload_protocol"},
	Inspect:   inspectSCTP,
}

const (
	sctpChunkHeader = 4
	sctpDataHeader  = 16 // chunk header, TSN, stream and its number, payload protocol identifier
	// maxSCTPChunks bounds the chunks walked in a packet; the smallest has four bytes.
	maxSCTPChunks = 64
)

// Chunk types, RFC 9260 §3.2.
const (
	sctpData     = 0
	sctpAbort    = 6
	sctpShutdown = 7
)

func inspectSCTP(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	d := c.Newest()
	first, ok := sctpChunks(d)
	if !ok {
		return dissect.No
	}
	ppid, data := sctpUserData(d)
	if data == nil && first != sctpAbort && first != sctpShutdown && len(c.Datagrams) < 4 && !c.Last {
		return dissect.NeedMore // no chunk has come yet
	}
	if data != nil {
		r.Object("sctp").Int("payload_protocol", int64(ppid))
	}
	return dissect.Yes
}

// sctpChunks walks the chunks of a packet and returns the first one's type: each has at least its header's length, and
// the last, padded to four bytes, ends with the packet.
func sctpChunks(d *dissect.Datagram) (first byte, ok bool) {
	b, room := d.Payload, d.Length
	if len(b) < sctpChunkHeader {
		return 0, false
	}
	first = b[0]
	for range maxSCTPChunks {
		if room == 0 || len(b) < sctpChunkHeader {
			return first, room == 0 || d.Length > len(d.Payload)
		}
		length := be16(b[2:])
		if length < sctpChunkHeader || length > room {
			return 0, false
		}
		length = min((length+3)&^3, room)
		room -= length
		b = b[min(length, len(b)):]
	}
	return first, true
}

// sctpUserData returns the user data of a packet's first DATA chunk, with its payload protocol identifier; nil if none
// begins a message (RFC 9260 §3.3.1).
func sctpUserData(d *dissect.Datagram) (ppid uint32, data []byte) {
	const begins = 2
	b := d.Payload
	for range maxSCTPChunks {
		if len(b) < sctpChunkHeader {
			return 0, nil
		}
		length := be16(b[2:])
		if length < sctpChunkHeader {
			return 0, nil
		}
		if b[0] == sctpData && b[1]&begins != 0 && length > sctpDataHeader && len(b) > sctpDataHeader {
			return ube32(b[12:]), b[sctpDataHeader:min(length, len(b))]
		}
		b = b[min((length+3)&^3, len(b)):]
	}
	return 0, nil
}
