// SPDX-License-Identifier: Apache-2.0

package record

import (
	"encoding/json"
	"strconv"

	"github.com/weirnet/weir/internal/packet"
)

// RoundTrip returns the handshake's round trip between the ends in microseconds; 0: a part of it is unknown.
func (f *Flow) RoundTrip() uint64 {
	if f.RoundTrips[0] == 0 || f.RoundTrips[1] == 0 {
		return 0
	}
	return uint64(f.RoundTrips[0]) + uint64(f.RoundTrips[1])
}

func (f *Flow) hasHealth() bool {
	return f.Client.Health != packet.Health{} || f.Server.Health != packet.Health{}
}

// appendRoundTrips appends the object tcp; isWhole: with the sum of both parts.
func (f *Flow) appendRoundTrips(b []byte, isWhole bool) []byte {
	if f.RoundTrips == [2]uint32{} {
		return b
	}
	b = append(b, `,"tcp":`...)
	open := len(b)
	if isWhole {
		b = appendCount(b, "rtt_us", f.RoundTrip())
	}
	b = appendCount(b, "client_rtt_us", uint64(f.RoundTrips[0]))
	b = appendCount(b, "server_rtt_us", uint64(f.RoundTrips[1]))
	b[open] = '{' // in place of the first comma
	return append(b, '}')
}

// appendHealth appends the members of an end that are not 0.
func appendHealth(b []byte, h *packet.Health) []byte {
	if h.Flags != 0 {
		b = append(packet.AppendTCPFlags(append(b, `,"tcp_flags":"`...), h.Flags), '"')
	}
	b = appendCount(b, "retransmits", uint64(h.Retransmits))
	b = appendCount(b, "out_of_order", uint64(h.OutOfOrder))
	b = appendCount(b, "resets", uint64(h.Resets))
	b = appendCount(b, "zero_windows", uint64(h.ZeroWindows))
	b = appendCount(b, "ttl", uint64(h.TTL))
	return appendCount(b, "dscp", uint64(h.DSCP))
}

// appendCount appends a member, unless it is 0.
func appendCount(b []byte, name string, n uint64) []byte {
	if n == 0 {
		return b
	}
	b = append(append(append(b, `,"`...), name...), `":`...)
	return strconv.AppendUint(b, n, 10)
}

// appendHealthColumns appends the columns of CSV; what is unknown is empty.
func (f *Flow) appendHealthColumns(b []byte) []byte {
	for _, h := range [...]*packet.Health{&f.Client.Health, &f.Server.Health} {
		b = packet.AppendTCPFlags(append(b, ','), h.Flags)
		for _, n := range [...]uint64{
			uint64(h.Retransmits), uint64(h.OutOfOrder), uint64(h.Resets), uint64(h.ZeroWindows),
		} {
			b = appendKnown(b, n, h.Flags != 0)
		}
		b = appendKnown(b, uint64(h.TTL), h.TTL != 0)
		b = appendKnown(b, uint64(h.DSCP), h.TTL != 0)
	}
	for _, n := range [...]uint64{f.RoundTrip(), uint64(f.RoundTrips[0]), uint64(f.RoundTrips[1])} {
		b = appendKnown(b, n, n != 0)
	}
	return b
}

func appendKnown(b []byte, n uint64, isKnown bool) []byte {
	b = append(b, ',')
	if !isKnown {
		return b
	}
	return strconv.AppendUint(b, n, 10)
}

// health has the members of appendHealth.
type health struct {
	Flags       string `json:"tcp_flags"`
	Retransmits uint32 `json:"retransmits"`
	OutOfOrder  uint32 `json:"out_of_order"`
	Resets      uint16 `json:"resets"`
	ZeroWindows uint16 `json:"zero_windows"`
	TTL         uint8  `json:"ttl"`
	DSCP        uint8  `json:"dscp"`
}

// health returns what was read. Letters that this version does not know are none.
func (h *health) health() packet.Health {
	flags, _ := packet.TCPFlagsOf(h.Flags)
	return packet.Health{
		Retransmits: h.Retransmits, OutOfOrder: h.OutOfOrder, ZeroWindows: h.ZeroWindows, Resets: h.Resets,
		Flags: flags, TTL: h.TTL, DSCP: h.DSCP,
	}
}

func (f *Flow) readRoundTrips(value json.RawMessage) error {
	var read struct {
		Client uint32 `json:"client_rtt_us"`
		Server uint32 `json:"server_rtt_us"`
	}
	err := json.Unmarshal(value, &read)
	f.RoundTrips = [2]uint32{read.Client, read.Server}
	return err
}
