// SPDX-License-Identifier: Apache-2.0

package record

import (
	"slices"
	"testing"
)

// TestDirections: the sides of both ends give the direction.
func TestDirections(t *testing.T) {
	const lan, wan, gateway = SideLAN, SideWAN, SideGateway
	for text, sides := range map[string][]Side{
		"outbound": {lan, wan, gateway, wan}, "inbound": {wan, lan, wan, gateway},
		"internal": {lan, lan, lan, gateway, gateway, lan}, "transit": {wan, wan}, "multicast": {lan, SideMulticast,
			wan, SideMulticast},
		"broadcast": {lan, SideBroadcast}, "unknown": {SideUnknown, wan},
	} {
		for pair := range slices.Chunk(sides, 2) {
			if got := DirectionBetween(pair[0], pair[1]).String(); got != text {
				t.Errorf("%s to %s: %s, want %s", pair[0], pair[1], got, text)
			}
		}
	}
}
