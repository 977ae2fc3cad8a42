// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built after the specification.
var greMessage = ip(47, CX("2000 0800 00000001"))

func TestGRE(t *testing.T) {
	testOnIP(t, "gre", greMessage, 4, ip(47, CX("2f00 0800 00000001")), `"protocol_type":2048`)
}

func FuzzGRE(f *testing.F) { fuzzTalks(f, "gre", greMessage) }
