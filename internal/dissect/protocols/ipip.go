// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// ipip: IPv4 in IP.
var ipipProtocol = onIP("ipip", "RFC 2003", "vpn", 4, checkIPv4)

func checkIPv4(d *dissect.Datagram, _ *dissect.Result) bool {
	b := d.Payload
	return len(b) >= 20 && b[0]>>4 == 4 && b[0]&15 >= 5 || len(b) >= 40 && b[0]>>4 == 6
}
