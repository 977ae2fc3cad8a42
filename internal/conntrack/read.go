// SPDX-License-Identifier: Apache-2.0

package conntrack

import (
	"encoding/binary"
	"errors"
	"io"
	"log"
	"net"
	"net/netip"

	"github.com/florianl/go-conntrack"
	"github.com/ti-mo/netfilter"
	"golang.org/x/sys/unix"
)

// Messages of the conntrack subsystem (enum cntl_msg_types, linux/netfilter/nfnetlink_conntrack.h).
const (
	messageNew    = 0
	messageGet    = 1
	messageDelete = 2
)

// what one netlink message tells.
type kind uint8

const (
	nothing   kind = iota
	created        // a connection is new
	told           // it is there, or has changed
	destroyed      // it is there no more
	listed         // the list is at its end
	refused        // the list is not to be had
)

var errShort = errors.New("netlink message is shorter than it says")

// next reads the first message of b and returns what follows it. A connection that it can't read is nothing.
func next(b []byte, c *Connection) (what kind, inList bool, rest []byte, err error) {
	if len(b) < unix.SizeofNlMsghdr {
		return nothing, false, nil, errShort
	}
	length := binary.NativeEndian.Uint32(b)
	messageType, flags := binary.NativeEndian.Uint16(b[4:]), binary.NativeEndian.Uint16(b[6:])
	if length < unix.SizeofNlMsghdr || uint64(length) > uint64(len(b)) {
		return nothing, false, nil, errShort
	}
	body := b[unix.SizeofNlMsghdr:length]
	aligned := (uint64(length) + unix.NLMSG_ALIGNTO - 1) &^ (unix.NLMSG_ALIGNTO - 1)
	rest = b[min(aligned, uint64(len(b))):]
	inList = flags&unix.NLM_F_MULTI != 0
	switch {
	case messageType == unix.NLMSG_DONE:
		return listed, true, rest, nil
	case messageType == unix.NLMSG_ERROR:
		if len(body) >= 4 && binary.NativeEndian.Uint32(body) != 0 {
			return refused, true, rest, nil
		}
		return nothing, false, rest, nil
	case messageType>>8 != uint16(netfilter.NFSubsysCTNetlink) || len(body) < sizeofNfgenmsg:
		return nothing, false, rest, nil
	}
	if !parse(body[sizeofNfgenmsg:], c) {
		return nothing, inList, rest, nil
	}
	switch messageType & 0xff {
	case messageNew:
		if flags&unix.NLM_F_CREATE != 0 && !inList {
			return created, false, rest, nil
		}
		return told, inList, rest, nil
	case messageDelete:
		return destroyed, inList, rest, nil
	}
	return nothing, inList, rest, nil
}

const sizeofNfgenmsg = 4 // struct nfgenmsg

var quiet = log.New(io.Discard, "", 0)

// parse reads a connection's attributes, and says whether it has what a connection needs.
func parse(attributes []byte, c *Connection) bool {
	con, err := conntrack.ParseAttributes(quiet, attributes)
	if err != nil {
		return false
	}
	*c = Connection{ID: value(con.ID), Mark: value(con.Mark), Status: Status(value(con.Status)), Zone: value(con.Zone)}
	for i, counter := range []*conntrack.Counter{con.CounterOrigin, con.CounterReply} {
		if counter != nil {
			c.Packets[i], c.Bytes[i] = value(counter.Packets), value(counter.Bytes)
		}
	}
	var original, reply bool
	c.Original, original = tuple(con.Origin)
	c.Reply, reply = tuple(con.Reply)
	return original && reply && c.Original.Proto == c.Reply.Proto && c.Original.Src.Addr().Is4() == c.Reply.Src.Addr().Is4()
}

func tuple(t *conntrack.IPTuple) (Tuple, bool) {
	if t == nil || t.Src == nil || t.Dst == nil || t.Proto == nil || t.Proto.Number == nil {
		return Tuple{}, false
	}
	src, okSrc := address(*t.Src)
	dst, okDst := address(*t.Dst)
	return Tuple{
		Src: netip.AddrPortFrom(src, value(t.Proto.SrcPort)), Dst: netip.AddrPortFrom(dst, value(t.Proto.DstPort)), Proto: *t.Proto.Number,
	}, okSrc && okDst && src.Is4() == dst.Is4()
}

func address(ip net.IP) (netip.Addr, bool) {
	a, ok := netip.AddrFromSlice(ip)
	return a, ok
}

func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// errRefused is what the kernel answers to a list that it doesn't give.
var errRefused = errors.New("the kernel gives no list of connections")
