// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// eigrp: Cisco's routing protocol.
var eigrpProtocol = onIP("eigrp", "RFC 7868 §6", "routing", 88, checkEIGRP,
	"eigrp.autonomous_system", "eigrp.opcode")

// checkEIGRP wants version 2, an opcode from update to SIA-reply, and the fixed header of 20 bytes.
func checkEIGRP(d *dissect.Datagram, r *dissect.Result) bool {
	b := d.Payload
	if len(b) < 20 || b[0] != 2 || b[1] == 0 || b[1] > 11 {
		return false
	}
	o := r.Object("eigrp")
	o.Int("opcode", int64(b[1]))
	o.Int("autonomous_system", int64(be16(b[18:])))
	return true
}
