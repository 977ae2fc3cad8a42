// SPDX-License-Identifier: Apache-2.0

package packet

import (
	"slices"
	"strconv"
)

var tunnelNames = [NumTunnels]string{
	TunnelNone:   "none",
	Tunnel6in4:   "6in4",
	Tunnel4in6:   "4in6",
	TunnelIPIP:   "ipip",
	TunnelGRE:    "gre",
	TunnelGTPU:   "gtp-u",
	TunnelVXLAN:  "vxlan",
	TunnelGeneve: "geneve",
	TunnelTeredo: "teredo",
	TunnelL2TP:   "l2tp",
	TunnelCAPWAP: "capwap",
	TunnelTZSP:   "tzsp",

	TunnelVXLANGPE: "vxlan-gpe",
	TunnelEtherIP:  "etherip",
	TunnelGREInUDP: "gre-in-udp",
	TunnelBatman:   "batman-adv",
	TunnelPBB:      "pbb",
}

// String returns the tunnel's name in flow records.
func (t Tunnel) String() string {
	if int(t) < len(tunnelNames) {
		return tunnelNames[t]
	}
	return strconv.Itoa(int(t))
}

// TunnelOf returns the tunnel with a name, as in flow records.
func TunnelOf(name string) (Tunnel, bool) {
	i := slices.Index(tunnelNames[:], name)
	return Tunnel(max(i, 0)), i >= 0
}

var faultNames = [NumFaults]string{
	FaultNone:       "none",
	FaultLinkType:   "link-type",
	FaultNotIP:      "not-ip",
	FaultTruncated:  "truncated",
	FaultIPHeader:   "ip-header",
	FaultExtensions: "extensions",
	FaultTransport:  "transport",
	FaultEncrypted:  "encrypted",
}

// String returns the cause under which frames with this fault are counted.
func (f Fault) String() string {
	if int(f) < len(faultNames) {
		return faultNames[f]
	}
	return strconv.Itoa(int(f))
}

var protoNames = func() (names [256]string) {
	for i := range names {
		names[i] = strconv.Itoa(i)
	}
	for proto, name := range map[uint8]string{
		ProtoICMP: "icmp", ProtoIGMP: "igmp", ProtoTCP: "tcp", ProtoUDP: "udp", ProtoGRE: "gre", ProtoESP: "esp",
		ProtoAH: "ah", ProtoICMPv6: "icmpv6", ProtoOSPF: "ospf", ProtoPIM: "pim", ProtoVRRP: "vrrp", ProtoSCTP: "sctp",
	} {
		names[proto] = name
	}
	return names
}()

// ProtoName returns the name of an IP protocol in flow records, or its number as text. It allocates nothing.
func ProtoName(proto uint8) string { return protoNames[proto] }

// ProtoOf returns the IP protocol with a name, as in flow records.
func ProtoOf(name string) (uint8, bool) {
	i := slices.Index(protoNames[:], name)
	return uint8(max(i, 0)), i >= 0
}
