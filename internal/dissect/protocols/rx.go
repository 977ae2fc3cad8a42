// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// rx: the remote procedure calls of AFS.
var rxProtocol = &dissect.Protocol{
	Name: "rx", Spec: "Zayas, AFS-3 Programmer's Reference: Specification for the Rx Remote Procedure Call Facility §5",
	Category: "rpc",
	Over:     dissect.UDP, Ports: []uint16{7000, 7001, 7002, 7003, 7004, 7005, 7007},
	MinLength: rxHeader, // no Start: it begins with a time
	Members:   []string{"rx.service"},
	Inspect:   inspectRx,
}

// rxHeader is epoch, connection, call, sequence, serial number; type, flags, status, security index; checksum, service.
const rxHeader = 28

// inspectRx wants two packets of one connection; a single packet suffices only in the form of an acknowledgement or a
// call.
func inspectRx(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	newest, first := c.Newest(), &c.Datagrams[0]
	if !isRx(newest) || !isRx(first) {
		return dissect.No
	}
	if newest == first {
		return dissect.NeedMore
	}
	const channels = 0x03 // the connection's lower bits number its concurrent calls
	a, b := first.Payload, newest.Payload
	if ube32(a) != ube32(b) || ube32(a[4:])&^channels != ube32(b[4:])&^channels || be16(a[26:]) != be16(b[26:]) {
		return dissect.No
	}
	const fromClient = 0x01
	if (first.FromClient == newest.FromClient) != (a[21]&fromClient == b[21]&fromClient) {
		return dissect.No
	}
	o := r.Object("rx")
	o.Int("service", int64(be16(b[26:])))
	return dissect.Yes
}

// isRx checks a header: type, flags, security index, and a sequence number, which only data and acknowledgements have.
func isRx(d *dissect.Datagram) bool {
	const data, lastType, lastFlag, lastSecurity = 1, 13, 0x3f, 6
	b := d.Payload
	if len(b) < rxHeader {
		return false
	}
	kind, flags, security := b[20], b[21], b[23]
	if kind == 0 || kind > lastType || flags > lastFlag || security > lastSecurity || be16(b) == 0 ||
		be16(b[8:]) != 0 || be16(b[16:]) > 0xff {
		return false
	}
	return kind != data || be32(b[12:]) != 0
}
