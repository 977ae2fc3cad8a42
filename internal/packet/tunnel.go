// SPDX-License-Identifier: Apache-2.0

package packet

// innerAt is where the packet inside a tunnel begins in Data, and what it begins with.
type innerAt struct {
	offset int
	link   LinkType
}

// Inner decodes into p the packet inside outer's payload, as Decode does. It returns false where outer is no tunnel
// (see Packet.Tunnel) and where what it carries is no IP packet; p then holds nothing of use. p has Data in common
// with outer, and nothing else. p and outer may be the same. How deep to go is for the caller to bound: MaxTunnels.
func (p *Packet) Inner(outer *Packet) bool {
	if outer.Tunnel == TunnelNone {
		return false
	}
	data, end, at := outer.Data, outer.End, outer.inner
	wire := outer.PayloadOffset + int(outer.WirePayload)
	*p = Packet{Data: data}
	p.decode(at.link, data[:end], at.offset, wire)
	return p.IPVersion != 0
}

func tunnelPort(port uint16) bool { return false }

func (p *Packet) udpTunnel(wire int) {}
func (p *Packet) ipTunnel()          {}

func saneEthernet(b []byte, wire int) bool { return false }
