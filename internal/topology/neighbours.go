// SPDX-License-Identifier: Apache-2.0

package topology

import (
	"fmt"
	"net/netip"

	"github.com/jsimonetti/rtnetlink/v2"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Neighbour is an entry of the kernel's neighbour table (ARP, neighbour discovery).
type Neighbour struct {
	IP          netip.Addr
	MAC         [6]byte
	Interface   string
	IsReachable bool // it has answered recently
	IsRouter    bool // it claims to be one (RFC 4861 §4.4)
}

// sizeofNdMsg is the size of struct ndmsg.
const sizeofNdMsg = 12

// listNeighbours dumps the neighbours with a known link-layer address of 6 bytes.
func listNeighbours(conn *netlink.Conn, links Links) ([]Neighbour, error) {
	messages, err := dump(conn, netlink.Message{
		Header: netlink.Header{Type: unix.RTM_GETNEIGH, Flags: netlink.Request | netlink.Dump},
		Data:   make([]byte, sizeofNdMsg),
	})
	if err != nil {
		return nil, fmt.Errorf("list neighbours: %w", err)
	}
	var all []Neighbour
	for _, m := range messages {
		if n, index, ok := parseNeighbour(m); ok {
			n.Interface = links[index].Name
			all = append(all, n)
		}
	}
	return all, nil
}

// parseNeighbour reads RTM_NEWNEIGH. ok is false without a valid, resolved neighbour.
func parseNeighbour(m netlink.Message) (n Neighbour, index uint32, ok bool) {
	var message rtnetlink.NeighMessage
	if m.Header.Type != unix.RTM_NEWNEIGH || message.UnmarshalBinary(m.Data) != nil || message.Attributes == nil {
		return n, 0, false
	}
	const found = unix.NUD_REACHABLE | unix.NUD_STALE | unix.NUD_DELAY | unix.NUD_PROBE | unix.NUD_PERMANENT
	ip, isIP := netip.AddrFromSlice(message.Attributes.Address)
	if !isIP || ip.Unmap().IsMulticast() || message.State&found == 0 || len(message.Attributes.LLAddress) != len(
		n.MAC) {
		return n, 0, false
	}
	const confirmed = unix.NUD_REACHABLE | unix.NUD_PERMANENT // a forged request suffices for the other states
	n = Neighbour{
		IP: ip.Unmap(), MAC: [6]byte(message.Attributes.LLAddress), IsReachable: message.State&confirmed != 0,
		IsRouter: message.Flags&unix.NTF_ROUTER != 0,
	}
	return n, message.Index, n.MAC != [6]byte{} && n.MAC[0]&1 == 0
}

// Place is the path to an address.
type Place struct {
	Router    netip.Addr // invalid: the address is on the link
	Interface string     // "": unknown
}

// Place returns the path to an address of the LAN.
func (n *Network) Place(a netip.Addr) Place {
	r, ok := n.routes.Lookup(a.WithZone("").Unmap())
	if !ok || a.IsLinkLocalUnicast() || len(r.Hops) == 0 {
		return Place{}
	}
	return Place{Router: r.Hops[0].Gateway, Interface: n.links[r.Hops[0].Interface].Name}
}

// IsLAN reports whether an interface's neighbours are devices of the LAN.
func (n *Network) IsLAN(name string) bool {
	index, ok := n.names[name]
	return ok && (n.single || !n.isWAN(index)) && !n.links[index].Loopback
}
