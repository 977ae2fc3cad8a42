// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/record"
	"github.com/weirnet/weir/internal/topology"
)

// Interface is a network interface, and whether weir would watch it.
type Interface struct {
	Name     string   `json:"name"`
	Index    uint32   `json:"index"`
	Kind     string   `json:"kind,omitempty"`
	Up       bool     `json:"up"`
	MTU      uint32   `json:"mtu"` // bytes
	Chosen   bool     `json:"chosen"`
	Why      string   `json:"why"`
	Side     string   `json:"side,omitempty"` // lan or wan; "" without a route
	Offloads []string `json:"offloads"`       // enabled ones: gro, gso, tso, lro, rx-vlan, tx-vlan
}

func readInterfaces(s topology.Selection, links topology.Links) []Interface {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		defer unix.Close(fd)
	}
	all := []Interface{}
	for _, l := range links.Sorted() {
		i := Interface{Name: l.Name, Index: l.Index, Kind: l.Kind, Up: l.Up, MTU: l.MTU, Offloads: []string{}}
		i.Chosen, i.Why = s.Matches(l, links)
		if err == nil {
			i.Offloads = offloads(fd, l.Name)
		}
		all = append(all, i)
	}
	return all
}

// readSides sets which interfaces are LAN and which are WAN.
func (r *Report) readSides(sides topology.Sides) error {
	n, err := topology.Now(sides)
	if err != nil {
		return err
	}
	lan, wan := n.LANs(), n.WANs()
	for i := range r.Interfaces {
		switch name := r.Interfaces[i].Name; {
		case slices.Contains(wan, name):
			r.Interfaces[i].Side = record.SideWAN.String()
		case slices.Contains(lan, name):
			r.Interfaces[i].Side = record.SideLAN.String()
		}
	}
	return nil
}

// Read-only commands and flags of linux/ethtool.h.
const (
	ethtoolGetTSO = 0x1e    // ETHTOOL_GTSO
	flagTxVLAN    = 1 << 7  // ETH_FLAG_TXVLAN
	flagRxVLAN    = 1 << 8  // ETH_FLAG_RXVLAN
	flagLRO       = 1 << 15 // ETH_FLAG_LRO
)

// offloads lists the enabled offloads of the card or driver, which change the packets that a capture sees.
func offloads(fd int, name string) []string {
	on := []string{}
	for _, o := range []struct {
		name          string
		command, mask uint32
	}{
		{"gro", unix.ETHTOOL_GGRO, ^uint32(0)}, {"gso", unix.ETHTOOL_GGSO, ^uint32(0)},
		{"tso", ethtoolGetTSO, ^uint32(0)},
		{"lro", unix.ETHTOOL_GFLAGS, flagLRO}, {"rx-vlan", unix.ETHTOOL_GFLAGS, flagRxVLAN},
		{"tx-vlan", unix.ETHTOOL_GFLAGS, flagTxVLAN},
	} {
		if value, err := ethtool(fd, name, o.command); err == nil && value&o.mask != 0 {
			on = append(on, o.name)
		}
	}
	return on
}

// ethtool reads one value of a driver (SIOCETHTOOL with a struct ethtool_value).
func ethtool(fd int, name string, command uint32) (uint32, error) {
	value := struct{ command, data uint32 }{command: command}
	var request struct { // struct ifreq with ifr_data
		name [unix.IFNAMSIZ]byte
		data unsafe.Pointer
		_    [24 - unsafe.Sizeof(uintptr(0))]byte
	}
	copy(request.name[:unix.IFNAMSIZ-1], name)
	request.data = unsafe.Pointer(&value)
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&request)))
	if errno != 0 {
		return 0, errno
	}
	return value.data, nil
}
