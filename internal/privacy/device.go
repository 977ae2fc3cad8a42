// SPDX-License-Identifier: Apache-2.0

package privacy

import (
	"net"
	"net/netip"
	"slices"

	"github.com/weirnet/weir/internal/hosts"
)

// Device returns the device without what shall not leave, nil if nothing of it may.
func (f *Filter) Device(h *hosts.Host) *hosts.Host {
	if f == nil {
		return h
	}
	o := *h
	if f.isOmittedDevice(&o) {
		return nil
	}
	f.deviceNames(&o)
	if f.config.pseudonyms() {
		f.hideDevice(&o)
	}
	if f.omit["mac"] {
		o.MAC, o.Vendor, o.RandomMAC = "", "", false
	}
	if f.omit["interface"] {
		o.Interface = ""
	}
	return &o
}

// isOmittedDevice takes the omitted addresses out of a device, and reports whether it is omitted itself.
func (f *Filter) isOmittedDevice(o *hosts.Host) bool {
	if mac, err := net.ParseMAC(o.MAC); err == nil && len(mac) == 6 && f.devices[[6]byte(mac)] {
		return true
	}
	had := len(o.Addresses)
	o.Addresses = slices.DeleteFunc(slices.Clone(o.Addresses), func(a hosts.Address) bool { return f.omits(a.IP) })
	if f.config.omits(o.Router) {
		return true
	}
	if f.isOfOmitted(o.Router) {
		o.Router = netip.Addr{}
	}
	return had > 0 && len(o.Addresses) == 0
}

// deviceNames takes names out that shall not leave. A device's own name is as personal as its address.
func (f *Filter) deviceNames(o *hosts.Host) {
	if f.config.pseudonyms() || f.config.cutsNames() || f.omit["hostname"] {
		o.Names = nil
		return
	}
	o.Names = slices.DeleteFunc(slices.Clone(o.Names), func(n hosts.Name) bool {
		return f.namesOmitted([]byte(n.Name))
	})
}

// hideDevice replaces a device's addresses.
func (f *Filter) hideDevice(o *hosts.Host) {
	if mac, err := net.ParseMAC(o.MAC); err == nil && len(mac) == 6 {
		hidden := f.mac([6]byte(mac))
		o.MAC = net.HardwareAddr(hidden[:]).String()
	}
	for i := range o.Addresses { // a copy: isOmittedDevice made it
		o.Addresses[i].IP = f.pseudonym(o.Addresses[i].IP)
	}
	if o.Router.IsValid() {
		o.Router = f.pseudonym(o.Router)
	}
}
