// SPDX-License-Identifier: Apache-2.0

package tally

import (
	"net/netip"

	"github.com/weirnet/weir/internal/record"
)

// By is a criterion by which flows are added up.
type By int

// The criteria.
const (
	ByApplication By = iota // an unnamed one by its protocol in brackets
	ByProtocol
	ByCategory
	ByDevice      // the LAN's end by its MAC address, else its address; without such an end the client's address
	ByHost        // host name, else the destination
	ByDestination // address of the other end than the device's
	Criteria
)

// maxHost bounds the bytes of a host's name: a DNS name has at most 253 (RFC 1035 §2.3.4).
const maxHost = 253

// IsServer reports whether a flow's device is its server: the only end in the LAN.
func IsServer(r *record.Flow) bool {
	return r.Client.Side != record.SideLAN && r.Server.Side == record.SideLAN
}

// OfDevice returns the amounts of a record, the bytes that its device sent first.
func OfDevice(r *record.Flow) Amounts {
	a := Of(r)
	if IsServer(r) {
		a.Bytes[0], a.Bytes[1] = a.Bytes[1], a.Bytes[0]
	}
	return a
}

// AppendKey appends the name of the row in which a record counts.
func AppendKey(b []byte, by By, r *record.Flow) []byte {
	device, other := &r.Client, &r.Server
	if IsServer(r) {
		device, other = other, device
	}
	switch by {
	case ByApplication:
		if r.Application == "" && r.Protocol != "" {
			return append(append(append(b, '['), r.Protocol...), ']')
		}
		return appendName(b, r.Application)
	case ByProtocol:
		return appendName(b, r.Protocol)
	case ByCategory:
		return appendName(b, r.Category)
	case ByDevice:
		if device.Side == record.SideLAN && device.MAC != [6]byte{} {
			return record.AppendMAC(b, device.MAC)
		}
		return appendAddr(b, device.Addr.Addr())
	case ByHost:
		if len(r.Hostname) > 0 {
			return append(b, r.Hostname[:min(len(r.Hostname), maxHost)]...)
		}
	}
	return appendAddr(b, other.Addr.Addr())
}

func appendName(b []byte, name string) []byte {
	if name == "" {
		name = None
	}
	return append(b, name...)
}

func appendAddr(b []byte, a netip.Addr) []byte {
	if !a.IsValid() {
		return append(b, None...)
	}
	return a.AppendTo(b)
}
