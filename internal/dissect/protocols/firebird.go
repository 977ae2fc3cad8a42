// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// firebird: the wire protocol of the Firebird and InterBase databases, by the connection request.
var firebirdProtocol = &dissect.Protocol{
	Name:      "firebird",
	Spec:      "Firebird wire protocol §Connect, §Attach",
	Category:  "database",
	Over:      dissect.TCP,
	Ports:     []uint16{3050},
	MinLength: firebirdHeader,
	Members:   []string{"firebird.database"},
	Inspect:   inspectFirebird,
}

// firebirdHeader is operation, the operation after it, version of the connect packet, machine type, length of the
// database's name.
const firebirdHeader = 5 * 4

func inspectFirebird(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	const connect, attach, create, machines, maxName = 1, 19, 20, 128, 1024
	b := c.First()
	if len(b) < firebirdHeader {
		return dissect.NeedMore
	}
	next, version, size := be32(b[4:]), be32(b[8:]), be32(b[16:])
	if be32(b) != connect || next != attach && next != create && next != 0 || version < 2 || version > 3 ||
		be32(b[12:]) > machines || size > maxName {
		return dissect.No
	}
	end := firebirdHeader + (size+3)&^3
	if len(b) < end+4 {
		return dissect.NeedMore
	}
	name := b[firebirdHeader : firebirdHeader+size]
	if !isPrintable(name) || be32(b[end:]) == 0 || be32(b[end:]) > 32 { // offered versions of the protocol
		return dissect.No
	}
	r.Object("firebird").Text("database", name)
	return dissect.Yes
}
