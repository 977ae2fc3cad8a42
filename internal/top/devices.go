// SPDX-License-Identifier: Apache-2.0

package top

import (
	"cmp"
	"net"
	"net/netip"
	"slices"
	"strings"
)

// Device is a device of the LAN. Its texts may hold anything.
type Device struct {
	MAC       string // six pairs of digits; "" if unknown
	Names     []string
	Vendor    string
	Addresses []netip.Addr
}

// devices finds devices by MAC address, and by IP address. It doesn't change.
type devices struct {
	byMAC     map[string]*Device
	byAddress map[netip.Addr]*Device
}

func newDevices(all []Device) *devices {
	d := &devices{byMAC: map[string]*Device{}, byAddress: map[netip.Addr]*Device{}}
	for i := range all {
		one := &all[i]
		for j, name := range one.Names {
			one.Names[j] = name[:min(len(name), maxName)]
		}
		one.Vendor = one.Vendor[:min(len(one.Vendor), maxName)]
		if one.MAC != "" {
			d.byMAC[one.MAC] = one
		}
		for _, a := range one.Addresses {
			if d.byAddress[a] == nil { // the device seen last comes first
				d.byAddress[a] = one
			}
		}
	}
	return d
}

// of returns the device of a row's key, or nil.
func (d *devices) of(key string) *Device {
	if one := d.byMAC[key]; one != nil {
		return one
	}
	if a, err := netip.ParseAddr(key); err == nil {
		return d.byAddress[a]
	}
	return nil
}

func (d *Device) name() string {
	if d == nil || len(d.Names) == 0 {
		return ""
	}
	return d.Names[0]
}

// isCalled reports whether the device with a MAC address, or without one with an address, has a name, in any case.
func (d *devices) isCalled(name string, mac [6]byte, a netip.Addr) bool {
	one := d.byAddress[a]
	if mac != [6]byte{} {
		one = d.byMAC[net.HardwareAddr(mac[:]).String()]
	}
	return one != nil && slices.ContainsFunc(one.Names, func(n string) bool { return strings.EqualFold(n, name) })
}

// addresses returns a device's addresses with those that its flows have: IPv4 first, link-local ones last.
func (d *Device) addresses(also []netip.Addr) []netip.Addr {
	all := slices.Clone(also)
	if d != nil {
		all = append(all, d.Addresses...)
	}
	rank := func(a netip.Addr) int {
		switch {
		case a.IsLinkLocalUnicast():
			return 2
		case a.Is4():
			return 0
		}
		return 1
	}
	slices.SortFunc(all, func(a, b netip.Addr) int { return cmp.Or(cmp.Compare(rank(a), rank(b)), a.Compare(b)) })
	return slices.Compact(all)
}
