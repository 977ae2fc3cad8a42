// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built after the specification.
var rsvpMessage = ip(46, CX("10 01 0000 40 00 0008"))

func TestRSVP(t *testing.T) {
	testOnIP(t, "rsvp", rsvpMessage, 8, ip(46, CX("10 01 0000 40 00 0010")), `"type":1`)
}

func FuzzRSVP(f *testing.F) { fuzzTalks(f, "rsvp", rsvpMessage) }
