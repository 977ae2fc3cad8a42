// SPDX-License-Identifier: Apache-2.0

package packet

import "encoding/binary"

// Direction is the way a frame took through the capturing interface.
type Direction uint8

// The directions.
const (
	DirectionUnknown Direction = iota
	Inbound
	Outbound
)

// CookedDirection returns the direction of a Linux packet type (linux/if_packet.h): to this host, broadcast, multicast,
// to another host, outgoing. Other types never reach a capture.
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

// Cooked returns the interface index and the direction from a Linux cooked header. The index is 0 in version 1, which
// has no such field; other link types have neither.
func Cooked(link LinkType, frame []byte) (ifindex uint32, d Direction) {
	switch {
	case link == LinkLinuxSLL && len(frame) >= 2:
		return 0, CookedDirection(binary.BigEndian.Uint16(frame))
	case link == LinkLinuxSLL2 && len(frame) >= 11:
		return binary.BigEndian.Uint32(frame[4:]), CookedDirection(uint16(frame[10]))
	}
	return 0, DirectionUnknown
}
