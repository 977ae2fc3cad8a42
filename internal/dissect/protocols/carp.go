// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// isCARP distinguishes CARP (carp(4)) from VRRP, whose version 2 it claims: an authentication length of 7 four-byte
// words, a demotion counter in place of VRRP's address count, and 36 bytes in all.
func isCARP(d *dissect.Datagram) bool {
	const length = 36
	b := d.Payload
	return d.Length == length && len(b) > 3 && b[0]>>4 == 2 && b[3] == 7
}
