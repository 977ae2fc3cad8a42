// SPDX-License-Identifier: Apache-2.0

package packet

// Health is what the headers of the packets that one end of a flow sent tell. All but TTL and DSCP are of TCP.
type Health struct {
	// Retransmits counts packets whose data, SYN or FIN was seen before, OutOfOrder those that fill a gap; flow.Health
	// has the rules.
	Retransmits, OutOfOrder uint32
	// ZeroWindows counts packets that allow the other end to send nothing. This and Resets stop at 65,535.
	ZeroWindows, Resets uint16
	Flags               uint8 // all that the end has sent
	TTL                 uint8 // or hop limit, of the first packet; 0: unknown
	DSCP                uint8 // RFC 2474, of the first packet
}

// Raise raises the counts to those of o, and takes over what is unknown: another count of the same packets, or of more.
func (h *Health) Raise(o Health) {
	h.Retransmits, h.OutOfOrder = max(h.Retransmits, o.Retransmits), max(h.OutOfOrder, o.OutOfOrder)
	h.ZeroWindows, h.Resets = max(h.ZeroWindows, o.ZeroWindows), max(h.Resets, o.Resets)
	h.Flags |= o.Flags
	if h.TTL == 0 {
		h.TTL, h.DSCP = o.TTL, o.DSCP
	}
}

// AppendTCPFlags appends the flags' letters in the order of their bits: FSRPAUEC, that is FIN, SYN, RST, PSH, ACK, URG,
// ECE and CWR.
func AppendTCPFlags(b []byte, flags uint8) []byte {
	for i := range len(tcpFlagLetters) {
		if flags>>i&1 != 0 {
			b = append(b, tcpFlagLetters[i])
		}
	}
	return b
}

// TCPFlagsOf reads what AppendTCPFlags writes.
func TCPFlagsOf(text string) (flags uint8, ok bool) {
	for _, letter := range []byte(text) {
		i := 0
		for i < len(tcpFlagLetters) && tcpFlagLetters[i] != letter {
			i++
		}
		if i == len(tcpFlagLetters) {
			return 0, false
		}
		flags |= 1 << i
	}
	return flags, true
}

const tcpFlagLetters = "FSRPAUEC"
