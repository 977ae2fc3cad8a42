// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net/netip"

	"github.com/spf13/pflag"

	"github.com/weirnet/weir/internal/agent"
)

// sideFlags adds the flags that set the LAN and the WAN.
func sideFlags(f *pflag.FlagSet, o *agent.Options) {
	f.StringArrayVar(&o.Sides.LAN, "lan", nil, "LAN interface, by name or pattern, even with a default "+
		"route; may be repeated")
	f.StringArrayVar(&o.Sides.WAN, "wan", nil, "WAN interface, by name or pattern, even without a default "+
		"route; may be repeated")
	networkFlag(f, &o.Sides.Networks)
}

// networkFlag adds the flag for networks of the LAN.
func networkFlag(f *pflag.FlagSet, to *[]netip.Prefix) {
	f.Func("lan-network", "LAN network, such as 192.168.0.0/16; addresses without a route are WAN then (mirror "+
		"ports, captures); may be repeated", func(text string) error {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return fmt.Errorf("%q is not a network such as 192.168.0.0/16 or 2001:db8::/32", text)
		}
		*to = append(*to, prefix.Masked())
		return nil
	})
}
