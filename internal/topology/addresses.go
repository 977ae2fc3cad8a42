// SPDX-License-Identifier: Apache-2.0

package topology

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// MaxNetworks bounds the networks of an interface.
const MaxNetworks = 16

// sizeofIfAddrmsg is the length of struct ifaddrmsg (linux/if_addr.h).
const sizeofIfAddrmsg = 8

// listNetworks dumps the networks of the interfaces' addresses, by ifindex, sorted.
func listNetworks(conn *netlink.Conn) (map[uint32][]netip.Prefix, error) {
	messages, err := dump(conn, netlink.Message{
		Header: netlink.Header{Type: unix.RTM_GETADDR, Flags: netlink.Request | netlink.Dump},
		Data:   make([]byte, sizeofIfAddrmsg),
	})
	if err != nil {
		return nil, fmt.Errorf("list addresses: %w", err)
	}
	all := map[uint32][]netip.Prefix{}
	for _, m := range messages {
		index, network, ok := parseAddress(m)
		if ok && len(all[index]) < MaxNetworks && !slices.Contains(all[index], network) {
			all[index] = append(all[index], network)
		}
	}
	for _, networks := range all {
		slices.SortFunc(networks, netip.Prefix.Compare)
	}
	return all, nil
}

// parseAddress reads the network of RTM_NEWADDR. With a peer (PPP) that is the peer's.
func parseAddress(m netlink.Message) (index uint32, network netip.Prefix, ok bool) {
	if m.Header.Type != unix.RTM_NEWADDR || len(m.Data) < sizeofIfAddrmsg {
		return 0, network, false
	}
	bits := int(m.Data[1])
	index = binary.NativeEndian.Uint32(m.Data[4:])
	attributes, err := netlink.NewAttributeDecoder(m.Data[sizeofIfAddrmsg:])
	if err != nil {
		return 0, network, false
	}
	for attributes.Next() {
		if attributes.Type() != unix.IFA_ADDRESS {
			continue
		}
		address, isAddress := netip.AddrFromSlice(attributes.Bytes())
		if !isAddress {
			return 0, network, false
		}
		network, err = address.Prefix(bits)
		ok = err == nil
	}
	return index, network, ok && attributes.Err() == nil
}

// Networks returns the networks of the addresses of an interface, or of the bridge, bond or team that it is a port of;
// at most MaxNetworks. The caller must not change them.
func (n *Network) Networks(index uint32) []netip.Prefix { return n.networks[n.above(index)] }
