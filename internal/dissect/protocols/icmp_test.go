// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built after RFC 792.
var icmpEcho = ip(1, CX("0800 f7ff 002a 0000"), SX("0000 ffff 002a 0000"))

func TestICMP(t *testing.T) {
	wantProtocol(t, icmpEcho, "icmp", `"type":8`, `"code":0`, `"message":"echo"`, `"id":42`)
	testTruncations(t, "icmp", icmpEcho, 4)
	wantNoAllocations(t, "icmp", icmpEcho)
}

func FuzzICMP(f *testing.F) { fuzzTalks(f, "icmp", icmpEcho) }
