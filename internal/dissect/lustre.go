// SPDX-License-Identifier: Apache-2.0

package dissect

import "encoding/binary"

// lustre: the acceptor's request and the socket driver's hello with which LNet connections begin, in either byte order.
var _ = register(Protocol{
	Name:      "lustre",
	Spec:      "Lustre LNet acceptor request and ksocklnd hello as publicly described",
	Category:  "storage",
	Over:      TCP,
	Ports:     []uint16{988},
	Start:     Of(0x00, 0xac, 0xed, 0xee, 0x63, 0x45),
	MinLength: 8,
	Inspect:   inspectLustre,
})

const (
	lustreAcceptor = 0xacce7100 // then the version and the node's identifier
	lustreTCP      = 0xeebc0ded // then two versions of 2 bytes
	lustreHello    = 0x45726963 // then the version
	lustreVersions = 4          // the highest
)

func inspectLustre(c *Conversation, r *Result) Verdict {
	b := c.First()
	if len(b) < 8 {
		return NeedMore
	}
	for _, order := range [...]binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		switch order.Uint32(b) {
		case lustreAcceptor, lustreHello:
			if v := order.Uint32(b[4:]); v >= 1 && v <= lustreVersions {
				return Yes
			}
		case lustreTCP:
			if order.Uint16(b[4:]) <= lustreVersions && order.Uint16(b[6:]) <= lustreVersions {
				return Yes
			}
		}
	}
	return No
}
