// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built after RFC 4861 §4.2.
var icmpv6Routers = ip(58, CX("86 00 0000 40 00 0708 00000000 00000000 0501 0000 000005dc 0101 02005e100001"))

func TestICMPv6(t *testing.T) {
	wantProtocol(t, ip(58, CX("8100 0000 ffff 0001")), "icmpv6", `"message":"echo-reply"`, `"id":65535`)
	wantProtocol(t, icmpv6Routers, "icmpv6", `"message":"router-advertisement"`, `"router_lifetime":1800`,
		`"link_address":"02:00:5e:10:00:01"`)
	wantNot(t, ip(58, CX("8600")), "icmpv6")
	testTruncations(t, "icmpv6", icmpv6Routers, 4)
	wantNoAllocations(t, "icmpv6", icmpv6Routers)
}

func FuzzICMPv6(f *testing.F) { fuzzTalks(f, "icmpv6", icmpv6Routers) }
