// SPDX-License-Identifier: Apache-2.0

package privacy

import "net/netip"

// Networks returns the networks of an interface's addresses without what shall not leave. isLAN is the interface's
// role. The gateway's own address is in each of them, so pseudonyms of the LAN are pseudonyms of all.
func (f *Filter) Networks(all []netip.Prefix, isLAN bool) []netip.Prefix {
	if f == nil {
		return all
	}
	out := make([]netip.Prefix, 0, len(all))
	for _, n := range all {
		switch {
		case f.config.omitsPart(n):
			continue
		case f.config.MaskGateway && (!isLAN || n.IsSingleIP()):
			n = netip.PrefixFrom(unspecified(n.Addr()), n.Bits())
		case f.config.pseudonyms(): // they keep common prefixes: those of the network's addresses are in it
			n = netip.PrefixFrom(f.pseudonym(n.Addr()), n.Bits()).Masked()
		}
		out = append(out, n)
	}
	return out
}

// omitsPart reports whether a network has addresses in an omitted one.
func (c *Config) omitsPart(n netip.Prefix) bool {
	for _, network := range c.OmitNetworks {
		if network.Overlaps(n) {
			return true
		}
	}
	return false
}
