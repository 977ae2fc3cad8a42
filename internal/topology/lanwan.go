// SPDX-License-Identifier: Apache-2.0

package topology

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strings"

	"github.com/gaissmai/bart"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/record"
)

// Sides are the user's settings of sides. With the zero value the routes decide alone.
type Sides struct {
	// LAN and WAN are names of interfaces, or shell patterns.
	LAN, WAN []string
	// Networks are LAN regardless of the routes. With any, addresses without a route are WAN, as a mirror port needs.
	Networks []netip.Prefix
}

// Check returns an error if a name or a pattern is invalid.
func (s *Sides) Check() error {
	_, err := NewSelection(slices.Concat(s.LAN, s.WAN)...)
	return err
}

// Network knows the side of each address. It is immutable: any goroutine may read it.
type Network struct {
	sides Sides
	links Links
	names map[string]uint32
	// wan has the interfaces with a default route, and that route, for IPv4 and IPv6.
	wan    [2]map[uint32]Route
	routes bart.Table[Route] // without default routes
	local  bart.Table[Route] // this machine's own addresses, and broadcast addresses
	manual bart.Table[struct{}]
	rules  [2]map[uint32]uint32 // by table: the priority of the first rule for it
	// networks are those of the interfaces' addresses, by ifindex.
	networks map[uint32][]netip.Prefix
	// single: all routes lead to WANs, as on a machine with one interface. Directly connected private addresses are LAN
	// there.
	single bool
}

// NewNetwork builds a Network from the kernel's dumps; rules are those of IPv4 and those of IPv6, in their order.
func NewNetwork(sides Sides, links Links, routes []Route, rules [2][]Rule) *Network {
	n := &Network{sides: sides, links: links, names: make(map[string]uint32, len(links))}
	for _, l := range links {
		n.names[l.Name] = l.Index
	}
	for _, p := range sides.Networks {
		n.manual.Insert(p.Masked(), struct{}{})
	}
	var ranks [2]map[uint32]int
	for f := range rules {
		ranks[f], n.rules[f] = tableRanks(rules[f], links), map[uint32]uint32{}
		for table, i := range ranks[f] {
			n.rules[f][table] = rules[f][i].Priority
		}
	}
	better := func(a, b Route) bool {
		rank := ranks[family(a.Prefix.Addr())]
		if ra, rb := rank[a.Table], rank[b.Table]; ra != rb {
			return ra < rb
		}
		return a.Priority < b.Priority
	}
	for f := range n.wan {
		n.wan[f] = map[uint32]Route{}
	}
	for _, r := range routes {
		f := family(r.Prefix.Addr())
		if _, used := ranks[f][r.Table]; !used {
			continue
		}
		switch r.Type {
		case unix.RTN_LOCAL, unix.RTN_BROADCAST, unix.RTN_ANYCAST:
			n.local.Insert(r.Prefix, r)
		case unix.RTN_UNICAST, unix.RTN_UNREACHABLE, unix.RTN_PROHIBIT, unix.RTN_BLACKHOLE:
			if isDefault(r.Prefix) {
				for _, hop := range r.Hops {
					if old, ok := n.wan[f][hop.Interface]; r.Type == unix.RTN_UNICAST && (!ok || better(r, old)) {
						n.wan[f][hop.Interface] = r
					}
				}
			} else if old, ok := n.routes.Get(r.Prefix); !ok || better(r, old) {
				n.routes.Insert(r.Prefix, r)
			}
		}
	}
	n.single = n.isSingle()
	return n
}

// Now reads the present network.
func Now(sides Sides) (*Network, error) { return now(sides, 0) }

// now reads the network of the namespace of the descriptor netNS; 0 means the calling thread's.
func now(sides Sides, netNS int) (*Network, error) {
	if err := sides.Check(); err != nil {
		return nil, err
	}
	conn, err := dial(netNS)
	if err != nil {
		return nil, fmt.Errorf("read the network: %w", err)
	}
	defer conn.Close()
	links, err := listLinks(conn)
	if err != nil {
		return nil, err
	}
	return readNetwork(conn, sides, links)
}

// readNetwork dumps routes, rules and addresses, and builds a network from them and from links.
func readNetwork(conn *netlink.Conn, sides Sides, links Links) (*Network, error) {
	var routes []Route
	var rules [2][]Rule
	for i, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		of, err := listRoutes(conn, family)
		if err != nil {
			return nil, err
		}
		routes = append(routes, of...)
		if rules[i], err = listRules(conn, family); errors.Is(err, unix.EOPNOTSUPP) {
			// a kernel without policy rules
			rules[i] = []Rule{{Table: unix.RT_TABLE_LOCAL}, {Table: unix.RT_TABLE_MAIN}, {Table: unix.RT_TABLE_DEFAULT}}
		} else if err != nil {
			return nil, err
		}
	}
	networks, err := listNetworks(conn)
	if err != nil {
		return nil, err
	}
	n := NewNetwork(sides, links, routes, rules)
	n.networks = networks
	return n, nil
}

// tableRanks returns, for each table with a rule, the place of its first rule.
func tableRanks(rules []Rule, links Links) map[uint32]int {
	ranks := map[uint32]int{}
	rank := func(table uint32, at int) {
		if _, ok := ranks[table]; !ok {
			ranks[table] = at
		}
	}
	for i, r := range rules {
		if r.Table != 0 {
			rank(r.Table, i)
			continue
		}
		for _, l := range links {
			if l.Table != 0 {
				rank(l.Table, i)
			}
		}
	}
	return ranks
}

// family is 0 for IPv4 and 1 for IPv6.
func family(a netip.Addr) int {
	if a.Is4() {
		return 0
	}
	return 1
}

// isDefault accepts default routes, the halves of one that VPNs set instead, and 2000::/3, all of today's global
// addresses (RFC 4291 §2.4).
func isDefault(p netip.Prefix) bool {
	return p.Bits() <= 1 || p == netip.MustParsePrefix("2000::/3")
}

// isSingle reports whether no route leads to an interface that is LAN.
func (n *Network) isSingle() bool {
	if len(n.wan[0])+len(n.wan[1]) == 0 || len(n.sides.Networks) > 0 {
		return false
	}
	for p, r := range n.routes.All() {
		if isEverywhere(p) {
			continue
		}
		for _, hop := range r.Hops {
			if !n.isWAN(hop.Interface) && !n.links[hop.Interface].Loopback {
				return false
			}
		}
	}
	return true
}

// isEverywhere reports whether every interface has such a prefix.
func isEverywhere(p netip.Prefix) bool {
	return p.Addr().IsLinkLocalUnicast() || p.Addr().IsMulticast()
}

// isWAN reports whether an interface is WAN. A default route of one family makes it WAN for both: the other family's
// hosts are strangers too.
func (n *Network) isWAN(index uint32) bool {
	name := n.links[index].Name
	switch {
	case matchesAny(n.sides.LAN, name):
		return false
	case matchesAny(n.sides.WAN, name):
		return true
	}
	_, has4 := n.wan[0][index]
	_, has6 := n.wan[1][index]
	return has4 || has6
}

func matchesAny(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { ok, _ := path.Match(p, name); return ok })
}

// reason is the evidence for a side.
type reason uint8

const (
	byMulticast reason = iota
	byBroadcast
	byLoopback
	byLocal
	bySetting
	byLink
	byRoute
	byConnected
	byReject
	byDefault
	byNoDefault
	byAddress
)

// Side returns the side of an address. iface is the interface that showed its packets; it matters only for link-local
// addresses.
func (n *Network) Side(a netip.Addr, iface string) record.Side {
	side, _, _ := n.find(a.WithZone("").Unmap(), iface)
	return side
}

// IsAssumed reports whether neither a setting nor a route other than a default route decides the side of an address.
func (n *Network) IsAssumed(a netip.Addr) bool {
	_, why, _ := n.find(a.WithZone("").Unmap(), "")
	return why == byDefault || why == byNoDefault || why == byAddress
}

func (n *Network) find(a netip.Addr, iface string) (record.Side, reason, Route) {
	if a.IsMulticast() {
		return record.SideMulticast, byMulticast, Route{}
	}
	if a == broadcast {
		return record.SideBroadcast, byBroadcast, Route{}
	}
	if a.IsLoopback() {
		return record.SideGateway, byLoopback, Route{}
	}
	if r, ok := n.local.Lookup(a); ok {
		if r.Type == unix.RTN_BROADCAST {
			return record.SideBroadcast, byBroadcast, r
		}
		return record.SideGateway, byLocal, r
	}
	if _, ok := n.manual.Lookup(a); ok {
		return record.SideLAN, bySetting, Route{}
	}
	if a.IsLinkLocalUnicast() || a.IsUnspecified() {
		if index, ok := n.names[iface]; ok && n.isWAN(n.above(index)) && !n.single {
			return record.SideWAN, byLink, Route{}
		}
		return record.SideLAN, byLink, Route{}
	}
	if r, ok := n.routes.Lookup(a); ok {
		return n.routed(a, r)
	}
	switch {
	case len(n.wan[family(a)]) > 0:
		return record.SideWAN, byDefault, Route{}
	case len(n.sides.Networks) > 0:
		return record.SideWAN, byNoDefault, Route{}
	case isPrivate(a):
		return record.SideLAN, byAddress, Route{}
	}
	return record.SideWAN, byAddress, Route{}
}

// routed returns the side of an address that matches a route other than a default route.
func (n *Network) routed(a netip.Addr, r Route) (record.Side, reason, Route) {
	if len(r.Hops) == 0 || r.Type != unix.RTN_UNICAST {
		// an unused part of a delegated or own prefix
		return record.SideLAN, byReject, r
	}
	for _, hop := range r.Hops {
		if !n.isWAN(hop.Interface) {
			return record.SideLAN, byRoute, r
		}
		if n.single && !hop.Gateway.IsValid() && isPrivate(a) {
			return record.SideLAN, byConnected, r
		}
	}
	return record.SideWAN, byRoute, r
}

var (
	broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})
	shared    = netip.MustParsePrefix("100.64.0.0/10") // RFC 6598
)

// isPrivate reports whether an address is in the ranges of RFC 1918, RFC 4193 or RFC 6598.
func isPrivate(a netip.Addr) bool { return a.IsPrivate() || shared.Contains(a) }

// above returns the link with the addresses: a port's bridge, bond or team has them.
func (n *Network) above(index uint32) uint32 {
	for range maxDepth {
		master, ok := n.links[n.links[index].Master]
		if !ok || !slices.Contains([]string{"bridge", "bond", "team"}, master.Kind) {
			break
		}
		index = master.Index
	}
	return index
}

// Explain returns the side of an address, and the reason in words.
func (n *Network) Explain(a netip.Addr, iface string) (record.Side, string) {
	a = a.WithZone("").Unmap()
	side, why, r := n.find(a, iface)
	switch why {
	case byMulticast:
		return side, "it is a multicast address"
	case byBroadcast:
		if r.Prefix.IsValid() {
			return side, "it is the broadcast address of " + n.through(r)
		}
		return side, "it is the limited broadcast address"
	case byLoopback:
		return side, "it is a loopback address"
	case byLocal:
		return side, "it is an address of this machine, on " + n.through(r)
	case bySetting:
		return side, "it is in a network that the settings make LAN"
	case byLink:
		return side, fmt.Sprintf("it is a link-local address, seen on %s, which is %s",
			cmp.Or(iface, "an unknown interface"), side)
	case byRoute, byConnected:
		return side, n.explainRoute(r, why)
	case byReject:
		return side, fmt.Sprintf("it is in %s, which this machine has and rejects (%s)", r.Prefix,
			typeName(r.Type))
	case byDefault:
		return side, "only the default route matches it, through " + n.defaults(family(a))
	case byNoDefault:
		return side, "no route and no network of the settings matches it"
	}
	if side == record.SideLAN {
		return side, "no route matches it, and it is a private address"
	}
	return side, "no route matches it, and it is a public address"
}

func (n *Network) explainRoute(r Route, why reason) string {
	text := fmt.Sprintf("the route %s%s leads to %s", r.Prefix, n.tableText(r), n.through(r))
	hop := r.Hops[0]
	switch l := n.links[hop.Interface]; {
	case why == byConnected:
		return text + ", which is directly connected; all interfaces here have a default route"
	case matchesAny(n.sides.LAN, l.Name):
		return text + ", which the settings make LAN"
	case matchesAny(n.sides.WAN, l.Name):
		return text + ", which the settings make WAN"
	case n.isWAN(hop.Interface):
		return text + ", which has a default route"
	default:
		return text + ", which has no default route"
	}
}

// through names the interfaces of a route, and its routers.
func (n *Network) through(r Route) string {
	var parts []string
	for _, hop := range r.Hops {
		name := cmp.Or(n.links[hop.Interface].Name, fmt.Sprintf("interface %d", hop.Interface))
		if hop.Gateway.IsValid() {
			name += " (router " + hop.Gateway.String() + ")"
		}
		parts = append(parts, name)
	}
	return cmp.Or(strings.Join(parts, " and "), "no interface")
}

// defaults names the interfaces with a default route of one family.
func (n *Network) defaults(f int) string {
	var names []string
	for index, r := range n.wan[f] {
		names = append(names, cmp.Or(n.links[index].Name, fmt.Sprintf("interface %d", index))+n.tableText(r))
	}
	slices.Sort(names)
	return strings.Join(names, " and ")
}

// tableText names a route's table, unless that is main, and the rule for it.
func (n *Network) tableText(r Route) string {
	if r.Table == unix.RT_TABLE_MAIN {
		return ""
	}
	return fmt.Sprintf(" (table %d, by rule %d)", r.Table, n.rules[family(r.Prefix.Addr())][r.Table])
}

// WANs returns the names of the interfaces that are WAN.
func (n *Network) WANs() (names []string) {
	for _, l := range n.links.Sorted() {
		if n.isWAN(l.Index) {
			names = append(names, l.Name)
		}
	}
	return names
}

// LANs returns the names of the interfaces that are LAN: they have routes, but no default route.
func (n *Network) LANs() (names []string) {
	has := map[uint32]bool{}
	for p, r := range n.routes.All() {
		for _, hop := range r.Hops {
			if isEverywhere(p) {
				continue
			}
			has[hop.Interface] = true
		}
	}
	for _, l := range n.links.Sorted() {
		if has[l.Index] && !n.isWAN(l.Index) && !l.Loopback {
			names = append(names, l.Name)
		}
	}
	return names
}

func typeName(t uint8) string {
	switch t {
	case unix.RTN_UNREACHABLE:
		return "unreachable"
	case unix.RTN_PROHIBIT:
		return "prohibit"
	case unix.RTN_BLACKHOLE:
		return "blackhole"
	}
	return fmt.Sprintf("route type %d", t)
}
