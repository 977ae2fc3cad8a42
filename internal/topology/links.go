// SPDX-License-Identifier: Apache-2.0

package topology

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Link is one network interface.
type Link struct {
	Index uint32
	Name  string
	// Kind is the driver's name for virtual devices (IFLA_INFO_KIND: veth, bridge, vlan, tun, bond, wireguard, …), else
	// empty.
	Kind string
	// Type is the hardware type (ARPHRD_*, linux/if_arp.h).
	Type uint16
	// Up: the link is administratively up, and its operational state (RFC 2863) is up, or unknown as with tun and ppp.
	Up       bool
	Loopback bool
	// Master is the index of the bridge, bond, team or VRF that the link is a port of, else 0.
	Master   uint32
	IsBridge bool
	// Parent is the index of the lower device (IFLA_LINK) if that is in the same network namespace, else 0. A veth has
	// none: its peer is not a lower device, and the kernel does not report the peer when it creates the pair.
	Parent uint32
	MTU    uint32 // bytes
	MAC    net.HardwareAddr
	// Table is a VRF's routing table, else 0.
	Table uint32
}

// Equal reports whether two links are equal in every field.
func (l Link) Equal(o Link) bool {
	same := bytes.Equal(l.MAC, o.MAC)
	return same && l.Index == o.Index && l.Name == o.Name && l.Kind == o.Kind && l.Type == o.Type && l.Up == o.Up &&
		l.Loopback == o.Loopback && l.Master == o.Master && l.IsBridge == o.IsBridge && l.Parent == o.Parent &&
		l.MTU == o.MTU &&
		l.Table == o.Table
}

// Links are links by index.
type Links map[uint32]Link

// Sorted returns the links in the order of their indexes.
func (ls Links) Sorted() []Link {
	return slices.SortedFunc(maps.Values(ls), func(a, b Link) int { return cmp.Compare(a.Index, b.Index) })
}

// Named returns the link with the name.
func (ls Links) Named(name string) (Link, bool) {
	for _, l := range ls {
		if l.Name == name {
			return l, true
		}
	}
	return Link{}, false
}

// List dumps all links of this network namespace.
func List() (Links, error) { return list(0) }

// list dumps the links of the network namespace of the descriptor netNS; 0 means the calling thread's.
func list(netNS int) (Links, error) {
	conn, err := dial(netNS)
	if err != nil {
		return nil, fmt.Errorf("list links: %w", err)
	}
	defer conn.Close()
	return listLinks(conn)
}

// listLinks dumps the links through a socket without events.
func listLinks(conn *netlink.Conn) (Links, error) {
	messages, err := dump(conn, dumpRequest())
	if err != nil {
		return nil, fmt.Errorf("list links: %w", err)
	}
	links := Links{}
	for _, m := range messages {
		l, ok, err := parseLink(m)
		if err != nil {
			return nil, fmt.Errorf("list links: %w", err)
		}
		if ok {
			links[l.Index] = l
		}
	}
	return links, nil
}

func dumpRequest() netlink.Message {
	return netlink.Message{
		Header: netlink.Header{Type: unix.RTM_GETLINK, Flags: netlink.Request | netlink.Dump},
		Data:   make([]byte, unix.SizeofIfInfomsg),
	}
}

var errShortLink = errors.New("link message is shorter than its header")

// parseLink reads RTM_NEWLINK and RTM_DELLINK. ok is false for messages that do not describe a whole link: those of the
// bridge family describe a port (its RTM_DELLINK means that the port left the bridge), those with IFLA_WIRELESS a radio
// event. parseLink reads the attributes itself, because the type of package rtnetlink omits IFLA_LINK_NETNSID, without
// which an index of another namespace looks like one of this, and refuses a whole dump if one link has an address of 1
// byte (ARPHRD_PHONET).
func parseLink(m netlink.Message) (l Link, ok bool, err error) {
	if m.Header.Type != unix.RTM_NEWLINK && m.Header.Type != unix.RTM_DELLINK {
		return l, false, nil
	}
	if len(m.Data) < unix.SizeofIfInfomsg {
		return l, false, errShortLink
	}
	if m.Data[0] != unix.AF_UNSPEC {
		return l, false, nil
	}
	flags := binary.NativeEndian.Uint32(m.Data[8:])
	l = Link{
		Type:     binary.NativeEndian.Uint16(m.Data[2:]),
		Index:    binary.NativeEndian.Uint32(m.Data[4:]),
		Loopback: flags&unix.IFF_LOOPBACK != 0,
	}
	attributes, err := netlink.NewAttributeDecoder(m.Data[unix.SizeofIfInfomsg:])
	if err != nil {
		return l, false, fmt.Errorf("attributes of link %d: %w", l.Index, err)
	}
	var state uint8
	var data []byte // the kind's own
	elsewhere := false
	for attributes.Next() {
		switch attributes.Type() {
		case unix.IFLA_IFNAME:
			l.Name = attributes.String()
		case unix.IFLA_MTU:
			l.MTU = attributes.Uint32()
		case unix.IFLA_ADDRESS:
			l.MAC = bytes.Clone(attributes.Bytes())
		case unix.IFLA_MASTER:
			l.Master = attributes.Uint32()
		case unix.IFLA_LINK:
			l.Parent = attributes.Uint32()
		case unix.IFLA_LINK_NETNSID:
			elsewhere = true
		case unix.IFLA_OPERSTATE:
			state = attributes.Uint8()
		case unix.IFLA_LINKINFO:
			attributes.Nested(func(info *netlink.AttributeDecoder) error {
				for info.Next() {
					switch info.Type() {
					case unix.IFLA_INFO_KIND:
						l.Kind = info.String()
					case unix.IFLA_INFO_DATA:
						data = bytes.Clone(info.Bytes())
					}
				}
				return nil
			})
		case unix.IFLA_WIRELESS:
			return l, false, nil
		}
	}
	if err := attributes.Err(); err != nil {
		return l, false, fmt.Errorf("attributes of link %d: %w", l.Index, err)
	}
	if elsewhere || l.Kind == "veth" || l.Kind == "netkit" {
		l.Parent = 0
	}
	l.IsBridge = l.Kind == "bridge"
	if l.Kind == "vrf" {
		l.Table = vrfTable(data)
	}
	l.Up = flags&unix.IFF_UP != 0 && (state == operUnknown || state == operUp)
	return l, true, nil
}

// vrfTable reads IFLA_VRF_TABLE from a VRF's data; without it the table is 0.
func vrfTable(data []byte) (table uint32) {
	attributes, err := netlink.NewAttributeDecoder(data)
	if err != nil {
		return 0
	}
	for attributes.Next() {
		if attributes.Type() == unix.IFLA_VRF_TABLE {
			table = attributes.Uint32()
		}
	}
	return table
}

// Operational states (IF_OPER_*, linux/if.h).
const (
	operUnknown = 0
	operUp      = 6
)
