// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"encoding/binary"

	"github.com/weirnet/weir/internal/dissect"
)

// lustre: the acceptor's request and the socket driver's hello, which open LNet connections, and the messages after
// them, in either byte order.
var lustreProtocol = &dissect.Protocol{
	Name:      "lustre",
	Spec:      "Lustre LNet acceptor request, ksocklnd hello and messages as publicly described",
	Category:  "storage",
	Over:      dissect.TCP,
	Ports:     []uint16{988},
	Start:     dissect.BytesOf(0x00, 0xac, 0xed, 0xee, 0x63, 0x45, 0xc1),
	MinLength: 8,
	Inspect:   inspectLustre,
}

const (
	lustreAcceptor = 0xacce7100 // then the version and the node's identifier
	lustreTCP      = 0xeebc0ded // then two versions of 2 bytes
	lustreHello    = 0x45726963 // then the version
	lustreVersions = 4          // the highest
	lustreMessage  = 0xc1       // a message of LNet
	lustreHeader   = 24 + 32    // the checked part of it
)

func inspectLustre(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	return eitherStream(c, r, func(_ *dissect.Conversation, b []byte, _ *dissect.Result) dissect.Verdict {
		return lustreStream(b)
	})
}

func lustreStream(b []byte) dissect.Verdict {
	if len(b) < 8 {
		return dissect.NeedMore
	}
	for _, order := range [...]binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		switch order.Uint32(b) {
		case lustreAcceptor, lustreHello:
			if v := order.Uint32(b[4:]); v >= 1 && v <= lustreVersions {
				return dissect.Yes
			}
		case lustreTCP:
			if order.Uint16(b[4:]) <= lustreVersions && order.Uint16(b[6:]) <= lustreVersions {
				return dissect.Yes
			}
		case lustreMessage:
			if len(b) < lustreHeader {
				return dissect.NeedMore
			}
			return verdictIf(isLustreMessage(order, b))
		}
	}
	return dissect.No
}

// isLustreMessage checks a message of the socket driver: its type, checksum and two cookies, then LNet's header:
// destination and source, both in a TCP network, both processes, one of them Lustre's, the type, and the payload's
// length.
func isLustreMessage(order binary.ByteOrder, b []byte) bool {
	const process, user, overTCP, lastType, maxPayload = 12345, 0xc000_0000, 2, 3, 1 << 20
	h := b[24:]
	to, from := order.Uint64(h), order.Uint64(h[8:])
	if to>>48 != overTCP || from>>48 != overTCP || uint32(to) == 0 || uint32(from) == 0 {
		return false
	}
	if order.Uint32(h[16:])&^user != process && order.Uint32(h[20:])&^user != process {
		return false
	}
	return order.Uint32(h[24:]) <= lastType && order.Uint32(h[28:]) <= maxPayload
}
