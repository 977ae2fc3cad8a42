// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// cipImplicit checks the two items of a connected message: a sequenced address, then connected data whose length fits.
func cipImplicit(d *dissect.Datagram, r *dissect.Result) dissect.Verdict {
	const header = 2 + 4 + 8 + 4 // number of items; type and length; connection and sequence number; type and length
	b := d.Payload
	if len(b) < header || le16(b[14:]) != 0xb1 || header+le16(b[16:]) != d.Length {
		return dissect.No
	}
	r.SetProtocol("cip")
	return dissect.Yes
}
