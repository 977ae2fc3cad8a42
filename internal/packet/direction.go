// SPDX-License-Identifier: Apache-2.0

package packet

import "encoding/binary"

// Direction is which way a frame went through the interface where it was captured.
type Direction uint8

// The directions.
const (
	DirectionUnknown Direction = iota
	Inbound
	Outbound
)

// CookedDirection is the direction of a Linux packet type (linux/if_packet.h): to this host, to all, to a group, to
// another host, and outgoing. Others never reach a capture.
func CookedDirection(packetType uint16) Direction {
	const outgoing = 4
	switch {
	case packetType < outgoing:
		return Inbound
	case packetType == outgoing:
		return Outbound
	}
	return DirectionUnknown
}

// Cooked reads what a Linux cooked header says of the capture: the index of the interface, 0 where the header has none
// (version 1), and the frame's direction. Other links say neither.
func Cooked(link LinkType, frame []byte) (ifindex uint32, d Direction) {
	switch {
	case link == LinkLinuxSLL && len(frame) >= 2:
		return 0, CookedDirection(binary.BigEndian.Uint16(frame))
	case link == LinkLinuxSLL2 && len(frame) >= 11:
		return binary.BigEndian.Uint32(frame[4:]), CookedDirection(uint16(frame[10]))
	}
	return 0, DirectionUnknown
}
