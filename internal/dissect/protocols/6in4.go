// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// 6in4: IPv6 in IPv4.
var sixInFourProtocol = onIP("6in4", "RFC 4213", "vpn", 41, checkIPv6)

func checkIPv6(d *dissect.Datagram, _ *dissect.Result) bool {
	return len(d.Payload) >= 40 && d.Payload[0]>>4 == 6
}
