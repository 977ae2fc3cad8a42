// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net/netip"

	"github.com/spf13/pflag"

	"github.com/weirnet/weir/internal/agent"
)

// sideFlags are the flags that say what is LAN and what is WAN.
func sideFlags(f *pflag.FlagSet, o *agent.Options) {
	f.StringArrayVar(&o.Sides.LAN, "lan", nil, "interface that is LAN, by name or pattern, also with a default "+
		"route; may be repeated")
	f.StringArrayVar(&o.Sides.WAN, "wan", nil, "interface that is WAN, by name or pattern, also without a default "+
		"route; may be repeated")
	networkFlag(f, &o.Sides.Networks)
}

// networkFlag is the flag for networks that are LAN.
func networkFlag(f *pflag.FlagSet, to *[]netip.Prefix) {
	f.Func("lan-network", "network that is LAN, such as 192.168.0.0/16; what no route is for is WAN then (mirror "+
		"ports, captures); may be repeated", func(text string) error {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return fmt.Errorf("%q is not a network such as 192.168.0.0/16 or 2001:db8::/32", text)
		}
		*to = append(*to, prefix.Masked())
		return nil
	})
}
