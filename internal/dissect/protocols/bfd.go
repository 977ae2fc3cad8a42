// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// bfd: Bidirectional Forwarding Detection (RFC 5880 §4.1; ports of RFC 5881, 5883, 7130, 7881).
var bfdProtocol = &dissect.Protocol{
	Name: "bfd", Spec: "RFC 5880 §4.1; RFC 5881 §4", Category: "routing",
	Members: []string{"bfd.state", "bfd.version"},
	Over:    dissect.UDP, Ports: []uint16{3784, 4784, 6784, 7784}, Inspect: inspectBFD,
}

func inspectBFD(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	const header, lastDiagnostic, poll, final, authentication, multipoint = 24, 9, 32, 16, 4, 1
	d := &c.Datagrams[0]
	b := d.Payload
	if len(b) < header || b[0]>>5 > 1 || b[0]&31 > lastDiagnostic || b[2] == 0 || b[1]&multipoint != 0 {
		return dissect.No
	}
	length := int(b[3])
	if length != d.Length || length < header || (length != header) != (b[1]&authentication != 0) || be32(b[4:]) == 0 {
		return dissect.No
	}
	// An authentication section has its own length. No packet both polls and answers a poll, a session that is up knows
	// its peer and sends now and then, and no interval exceeds an hour (§4.1, §6.8.6, §6.8.7).
	const initializing, slowest = 2, 3600_000_000
	if length != header && (len(b) < header+2 || b[header] == 0 || b[header] > 5 ||
		int(b[header+1]) != length-header) ||
		b[1]&(poll|final) == poll|final || b[1]>>6 >= initializing && be32(b[8:]) == 0 ||
		be32(b[12:]) == 0 || ube32(b[12:]) > slowest || ube32(b[16:]) > slowest || ube32(b[20:]) > slowest {
		return dissect.No
	}
	o := r.Object("bfd")
	o.Int("version", int64(b[0]>>5))
	o.String("state", [...]string{"admin-down", "down", "init", "up"}[b[1]>>6])
	return dissect.Yes
}
