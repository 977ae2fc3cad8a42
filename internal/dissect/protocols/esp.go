// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// esp: IPsec's encrypted packets directly over IP; ike recognises those over UDP.
var espProtocol = onIP("esp", "RFC 4303 §2", "vpn", 50, checkESP,
	"esp.spi")

// checkESP wants a security parameters index that is not reserved (RFC 4303 §2.1), and a sequence number.
func checkESP(d *dissect.Datagram, r *dissect.Result) bool {
	b := d.Payload
	if len(b) < 8 || ube32(b) < 256 {
		return false
	}
	r.Object("esp").Hex("spi", b[:4])
	return true
}
