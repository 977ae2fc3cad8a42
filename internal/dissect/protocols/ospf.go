// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// ospf: versions 2 and 3.
var ospfProtocol = onIP("ospf", "RFC 2328 §A.3; RFC 5340 §A.3", "routing", 89, checkOSPF,
	"ospf.area", "ospf.message", "ospf.router_id", "ospf.version")

// checkOSPF wants version 2 or 3, type hello to link state acknowledgment, and a length within the packet.
func checkOSPF(d *dissect.Datagram, r *dissect.Result) bool {
	b := d.Payload
	header := 24
	if len(b) > 0 && b[0] == 3 {
		header = 16
	}
	if len(b) < header || b[0] != 2 && b[0] != 3 || b[1] == 0 || b[1] > 5 || be16(b[2:]) < header ||
		be16(b[2:]) > d.Length {
		return false
	}
	o := r.Object("ospf")
	o.Int("version", int64(b[0]))
	o.String("message", ospfTypes[b[1]])
	var text [15]byte
	o.Text("router_id", appendDotted(text[:0], b[4:8]))
	o.Text("area", appendDotted(text[:0], b[8:12]))
	return true
}

var ospfTypes = [...]string{1: "hello", 2: "database-description", 3: "link-state-request", 4: "link-state-update",
	5: "link-state-acknowledgment"}
