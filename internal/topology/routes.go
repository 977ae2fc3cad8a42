// SPDX-License-Identifier: Apache-2.0

package topology

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"github.com/jsimonetti/rtnetlink/v2"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Route is one route of the kernel.
type Route struct {
	Prefix netip.Prefix // of destinations
	Table  uint32
	// Type is RTN_UNICAST, RTN_LOCAL, RTN_BROADCAST, RTN_UNREACHABLE, … (linux/rtnetlink.h).
	Type     uint8
	Priority uint32 // the lowest wins
	Hops     []Hop  // several with multipath; none for a route that rejects
}

// Hop is a next hop of a route.
type Hop struct {
	Interface uint32     // ifindex
	Gateway   netip.Addr // invalid: the destination is on the link
}

// Rule is one policy rule that looks up a table (ip rule).
type Rule struct {
	Priority uint32
	Table    uint32 // 0: the table of the packet's VRF (l3mdev)
}

// listRoutes dumps the routes of one address family. It omits cached routes, and those that parseRoute cannot read.
func listRoutes(conn *netlink.Conn, family uint8) ([]Route, error) {
	request := netlink.Message{
		Header: netlink.Header{Type: unix.RTM_GETROUTE, Flags: netlink.Request | netlink.Dump},
		Data:   make([]byte, unix.SizeofRtMsg),
	}
	request.Data[0] = family
	messages, err := dump(conn, request)
	if err != nil {
		return nil, fmt.Errorf("list routes: %w", err)
	}
	routes := make([]Route, 0, len(messages))
	for _, m := range messages {
		if r, ok := parseRoute(m); ok {
			routes = append(routes, r)
		}
	}
	return routes, nil
}

// parseRoute reads RTM_NEWROUTE. ok is false for other messages, cached routes, other families, and routes for some
// sources only: an address alone does not show whether they apply.
func parseRoute(m netlink.Message) (r Route, ok bool) {
	var message rtnetlink.RouteMessage
	if m.Header.Type != unix.RTM_NEWROUTE || message.UnmarshalBinary(m.Data) != nil {
		return r, false
	}
	any4, any6 := netip.IPv4Unspecified(), netip.IPv6Unspecified()
	dst, isAddr := any4, true
	switch a := message.Attributes; {
	case message.Flags&unix.RTM_F_CLONED != 0 || message.SrcLength != 0:
		return r, false
	case a.Dst != nil:
		dst, isAddr = netip.AddrFromSlice(a.Dst)
		dst = dst.Unmap()
	case message.Family == unix.AF_INET6:
		dst = any6
	}
	isFamily := message.Family == unix.AF_INET && dst.Is4() || message.Family == unix.AF_INET6 && dst.Is6()
	prefix, err := dst.Prefix(int(message.DstLength))
	if !isAddr || !isFamily || err != nil {
		return r, false
	}
	r = Route{Prefix: prefix, Table: message.Attributes.Table, Type: message.Type,
		Priority: message.Attributes.Priority}
	if r.Table == 0 {
		r.Table = uint32(message.Table)
	}
	for _, hop := range message.Attributes.Multipath {
		gateway, _ := netip.AddrFromSlice(hop.Gateway)
		r.Hops = append(r.Hops, Hop{hop.Hop.IfIndex, gateway.Unmap()})
	}
	if index := message.Attributes.OutIface; index != 0 && len(r.Hops) == 0 {
		gateway, _ := netip.AddrFromSlice(message.Attributes.Gateway)
		r.Hops = []Hop{{index, gateway.Unmap()}}
	}
	return r, true
}

// listRules dumps the rules of one address family that look up a table, in the order of their evaluation.
func listRules(conn *netlink.Conn, family uint8) ([]Rule, error) {
	request := netlink.Message{ // struct fib_rule_hdr
		Header: netlink.Header{Type: unix.RTM_GETRULE, Flags: netlink.Request | netlink.Dump},
		Data:   make([]byte, unix.SizeofRtMsg),
	}
	request.Data[0] = family
	messages, err := dump(conn, request)
	if err != nil {
		return nil, fmt.Errorf("list rules: %w", err)
	}
	rules := make([]Rule, 0, len(messages))
	for _, m := range messages {
		if r, ok := parseRule(m); ok {
			rules = append(rules, r)
		}
	}
	slices.SortStableFunc(rules, func(a, b Rule) int { return cmp.Compare(a.Priority, b.Priority) })
	return rules, nil
}

// parseRule reads RTM_NEWRULE. ok is false for other messages, and for rules with another action than a table look-up.
func parseRule(m netlink.Message) (r Rule, ok bool) {
	var message rtnetlink.RuleMessage
	if m.Header.Type != unix.RTM_NEWRULE || message.UnmarshalBinary(m.Data) != nil ||
		message.Action != unix.FR_ACT_TO_TBL {
		return r, false
	}
	r.Table = uint32(message.Table)
	if a := message.Attributes; a != nil {
		if a.Priority != nil {
			r.Priority = *a.Priority
		}
		if a.Table != nil {
			r.Table = *a.Table
		}
		if a.L3MDev != nil && *a.L3MDev != 0 {
			r.Table = 0
		}
	}
	return r, true
}
