// SPDX-License-Identifier: Apache-2.0

package record

// Side is the location of an address as seen from the gateway.
type Side uint8

// Sides.
const (
	SideUnknown   Side = iota
	SideLAN            // reachable, but not through a WAN interface
	SideWAN            // behind a default route
	SideGateway        // the gateway itself
	SideMulticast      // a multicast group
	SideBroadcast      // everyone on the link
)

var sideTexts = [...]string{"", "lan", "wan", "gateway", "multicast", "broadcast"}

func (s Side) String() string { return text(sideTexts[:], s) }

// Direction is a flow's direction, from the client's side to the server's.
type Direction uint8

// Directions.
const (
	DirectionUnknown Direction = iota
	DirectionOutbound
	DirectionInbound
	DirectionInternal
	DirectionTransit
	DirectionMulticast
	DirectionBroadcast
)

var directionTexts = [...]string{"unknown", "outbound", "inbound", "internal", "transit", "multicast", "broadcast"}

func (d Direction) String() string { return text(directionTexts[:], d) }

// DirectionBetween returns the direction of a flow between two sides.
func DirectionBetween(client, server Side) Direction {
	isInside := func(s Side) bool { return s == SideLAN || s == SideGateway }
	switch {
	case server == SideMulticast || client == SideMulticast:
		return DirectionMulticast
	case server == SideBroadcast || client == SideBroadcast:
		return DirectionBroadcast
	case client == SideUnknown || server == SideUnknown:
		return DirectionUnknown
	case isInside(client) && isInside(server):
		return DirectionInternal
	case isInside(client):
		return DirectionOutbound
	case isInside(server):
		return DirectionInbound
	}
	return DirectionTransit
}

// NATKind is the kind of an address translation.
type NATKind uint8

// Kinds of address translation.
const (
	NATNone NATKind = iota
	SNAT            // the server knows the client by another address or port
	DNAT            // the client knows the server by another address or port
	SNATDNAT
)

var natKindTexts = [...]string{"", "snat", "dnat", "snat+dnat"}

func (k NATKind) String() string { return text(natKindTexts[:], k) }
