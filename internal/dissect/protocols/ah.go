// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// ah: IPsec's Authentication Header.
var ahProtocol = onIP("ah", "RFC 4302 §2", "vpn", 51, checkAH,
	"ah.spi")

// checkAH checks the length in words, which covers the fixed part and fits the packet. Receivers ignore the reserved
// field (§2.3).
func checkAH(d *dissect.Datagram, r *dissect.Result) bool {
	b := d.Payload
	if len(b) < 12 || b[1] < 1 || 4*(int(b[1])+2) > d.Length || ube32(b[4:]) < 256 {
		return false
	}
	r.Object("ah").Hex("spi", b[4:8])
	return true
}
