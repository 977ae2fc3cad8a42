// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// egp: Exterior Gateway Protocol.
var egpProtocol = onIP("egp", "RFC 904 appendix A", "routing", 8, checkEGP)

// checkEGP wants version 2 and type acquisition, neighbor reachability, update, poll or error.
func checkEGP(d *dissect.Datagram, _ *dissect.Result) bool {
	b := d.Payload
	return len(b) >= 10 && b[0] == 2 && (b[1] >= 1 && b[1] <= 3 || b[1] == 5 || b[1] == 8)
}
