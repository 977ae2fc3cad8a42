// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand from the specification.
var openwireInfo = tcp(61616, S("\x00\x00\x00\x15\x01ActiveMQ\x00\x00\x00\x0c\x01\x00\x00\x00\x00\x00\x00\x00"))

func TestOpenWire(t *testing.T) {
	wantProtocol(t, openwireInfo, "openwire", `"version":12`)
	wantNot(t, tcp(61616, S("\x00\x00\x00\x15\x02ActiveMQ\x00\x00\x00\x0c\x01")), "openwire")
	testTruncations(t, "openwire", openwireInfo, 17)
	wantNoAllocations(t, "openwire", openwireInfo)
}

func FuzzOpenWire(f *testing.F) { fuzzTalks(f, "openwire", openwireInfo) }
