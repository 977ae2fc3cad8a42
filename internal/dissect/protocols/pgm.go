// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// pgm: Pragmatic General Multicast.
var pgmProtocol = onIP("pgm", "RFC 3208 §8", "network", 113, checkPGM)

// checkPGM checks a type of RFC 3208 §8 and the length of its contents.
func checkPGM(d *dissect.Datagram, _ *dissect.Result) bool {
	const header = 16
	b := d.Payload
	if len(b) < header || header+be16(b[14:]) > d.Length {
		return false
	}
	switch b[4] & 0x3f {
	case 0x00, 0x01, 0x02, 0x04, 0x05, 0x08, 0x09, 0x0a, 0x0d:
		return b[4]&0xc0 == 0
	}
	return false
}
