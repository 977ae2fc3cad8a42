// SPDX-License-Identifier: Apache-2.0

package conntrack

import (
	"encoding/binary"
	"errors"
	"net/netip"

	"github.com/ti-mo/netfilter"
	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/packet"
)

// Messages of the conntrack subsystem (enum cntl_msg_types, linux/netfilter/nfnetlink_conntrack.h).
const (
	messageNew    = 0
	messageGet    = 1
	messageDelete = 2
)

// kind is the content of a netlink message.
type kind uint8

const (
	nothing     kind = iota
	created          // a connection is new
	updated          // it exists, or has changed
	destroyed        // it has ended
	dumpEnded        // a dump is complete
	dumpRefused      // the kernel refuses a dump
)

var errShort = errors.New("netlink message is shorter than its header's length")

// next decodes the first message of b and returns the rest. It ignores a connection that it cannot read.
func next(b []byte, c *Connection) (what kind, rest []byte, err error) {
	if len(b) < unix.SizeofNlMsghdr {
		return nothing, nil, errShort
	}
	length := binary.NativeEndian.Uint32(b)
	messageType, flags := binary.NativeEndian.Uint16(b[4:]), binary.NativeEndian.Uint16(b[6:])
	if length < unix.SizeofNlMsghdr || uint64(length) > uint64(len(b)) {
		return nothing, nil, errShort
	}
	body := b[unix.SizeofNlMsghdr:length]
	aligned := (uint64(length) + unix.NLMSG_ALIGNTO - 1) &^ (unix.NLMSG_ALIGNTO - 1)
	rest = b[min(aligned, uint64(len(b))):]
	inList := flags&unix.NLM_F_MULTI != 0
	switch {
	case messageType == unix.NLMSG_DONE:
		return dumpEnded, rest, nil
	case messageType == unix.NLMSG_ERROR:
		if len(body) >= 4 && binary.NativeEndian.Uint32(body) != 0 {
			return dumpRefused, rest, nil
		}
		return nothing, rest, nil
	case messageType>>8 != uint16(netfilter.NFSubsysCTNetlink) || len(body) < sizeofNfgenmsg:
		return nothing, rest, nil
	}
	if !parse(body[sizeofNfgenmsg:], c) {
		return nothing, rest, nil
	}
	switch messageType & 0xff {
	case messageNew:
		if flags&unix.NLM_F_CREATE != 0 && !inList {
			return created, rest, nil
		}
		return updated, rest, nil
	case messageDelete:
		return destroyed, rest, nil
	}
	return nothing, rest, nil
}

const sizeofNfgenmsg = 4 // struct nfgenmsg

// Attributes (enum ctattr_type and the nested enums, linux/netfilter/nfnetlink_conntrack.h). Their numbers are
// big-endian.
const (
	attrOriginal        = 1
	attrReply           = 2
	attrStatus          = 3
	attrMark            = 8
	attrOriginalCounter = 9
	attrReplyCounter    = 10
	attrID              = 12
	attrZone            = 18

	attrTupleIP    = 1
	attrTupleProto = 2

	attrIPv4Src = 1
	attrIPv4Dst = 2
	attrIPv6Src = 3
	attrIPv6Dst = 4

	attrProtoNumber  = 1
	attrProtoSrcPort = 2
	attrProtoDstPort = 3
	attrICMPID       = 4
	attrICMPType     = 5
	attrICMPv6ID     = 7
	attrICMPv6Type   = 8

	attrCounterPackets = 1
	attrCounterBytes   = 2
)

// attribute splits the first attribute off b. It masks the flag of nested ones out of the kind.
func attribute(b []byte) (kind uint16, value, rest []byte, ok bool) {
	if len(b) < unix.SizeofNlAttr {
		return 0, nil, nil, false
	}
	length := int(binary.NativeEndian.Uint16(b))
	if length < unix.SizeofNlAttr || length > len(b) {
		return 0, nil, nil, false
	}
	kind = binary.NativeEndian.Uint16(b[2:]) &^ (unix.NLA_F_NESTED | unix.NLA_F_NET_BYTEORDER)
	aligned := (length + unix.NLA_ALIGNTO - 1) &^ (unix.NLA_ALIGNTO - 1)
	return kind, b[unix.SizeofNlAttr:length], b[min(aligned, len(b)):], true
}

// parse decodes a connection's attributes, and reports whether both tuples are complete. The decoder is our own because
// it runs for every event: go-conntrack's allocates 70 times.
func parse(b []byte, c *Connection) bool {
	*c = Connection{}
	for len(b) > 0 {
		kind, value, rest, ok := attribute(b)
		if !ok {
			return false
		}
		b = rest
		switch kind {
		case attrOriginal:
			ok = c.Original.parse(value)
		case attrReply:
			ok = c.Reply.parse(value)
		case attrOriginalCounter:
			ok = parseCounter(value, &c.Packets[0], &c.Bytes[0])
		case attrReplyCounter:
			ok = parseCounter(value, &c.Packets[1], &c.Bytes[1])
		case attrID:
			c.ID = number32(value)
		case attrMark:
			c.Mark = number32(value)
		case attrStatus:
			c.Status = Status(number32(value))
		case attrZone:
			c.Zone = number16(value)
		}
		if !ok {
			return false
		}
	}
	o, r := &c.Original, &c.Reply
	return o.isWhole() && r.isWhole() && o.Proto == r.Proto && o.Src.Addr().Is4() == r.Src.Addr().Is4()
}

// isWhole reports whether the tuple has both addresses, of one family.
func (t *Tuple) isWhole() bool {
	src, dst := t.Src.Addr(), t.Dst.Addr()
	return src.IsValid() && dst.IsValid() && src.Is4() == dst.Is4()
}

func (t *Tuple) parse(b []byte) bool {
	var src, dst netip.Addr
	var srcPort, dstPort, icmpID uint16
	var icmpType uint8
	for len(b) > 0 {
		group, members, rest, ok := attribute(b)
		if !ok {
			return false
		}
		b = rest
		for len(members) > 0 {
			kind, value, rest, ok := attribute(members)
			if !ok {
				return false
			}
			members = rest
			switch {
			case group == attrTupleIP && (kind == attrIPv4Src || kind == attrIPv6Src):
				src, ok = netip.AddrFromSlice(value)
			case group == attrTupleIP && (kind == attrIPv4Dst || kind == attrIPv6Dst):
				dst, ok = netip.AddrFromSlice(value)
			case group == attrTupleProto && kind == attrProtoNumber && len(value) > 0:
				t.Proto = value[0]
			case group == attrTupleProto && kind == attrProtoSrcPort:
				srcPort = number16(value)
			case group == attrTupleProto && kind == attrProtoDstPort:
				dstPort = number16(value)
			case group == attrTupleProto && (kind == attrICMPID || kind == attrICMPv6ID):
				icmpID = number16(value)
			case group == attrTupleProto && (kind == attrICMPType || kind == attrICMPv6Type) && len(value) > 0:
				icmpType = value[0]
			}
			if !ok {
				return false
			}
		}
	}
	if isICMP(t.Proto) {
		srcPort, dstPort = packet.QueryPorts(t.Proto, icmpType, icmpID)
	}
	t.Src, t.Dst = netip.AddrPortFrom(src, srcPort), netip.AddrPortFrom(dst, dstPort)
	return true
}

func parseCounter(b []byte, packets, bytes *uint64) bool {
	for len(b) > 0 {
		kind, value, rest, ok := attribute(b)
		if !ok {
			return false
		}
		b = rest
		if len(value) == 8 && kind == attrCounterPackets {
			*packets = binary.BigEndian.Uint64(value)
		}
		if len(value) == 8 && kind == attrCounterBytes {
			*bytes = binary.BigEndian.Uint64(value)
		}
	}
	return true
}

// number16 and number32 decode a number, 0 if its length is wrong.
func number16(b []byte) uint16 {
	if len(b) != 2 {
		return 0
	}
	return binary.BigEndian.Uint16(b)
}

func number32(b []byte) uint32 {
	if len(b) != 4 {
		return 0
	}
	return binary.BigEndian.Uint32(b)
}

// errRefused is the kernel's answer to a refused dump.
var errRefused = errors.New("the kernel refuses to dump connections")
