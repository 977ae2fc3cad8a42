// SPDX-License-Identifier: Apache-2.0

package topology

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Selection selects the links to watch. The zero value selects those that matter, see Matches.
type Selection struct {
	names    []string
	patterns []string
}

// NewSelection makes a Selection from names or shell patterns ('eth*', 'ppp?', 'lan[0-3]'). Without arguments it
// selects the links that matter.
func NewSelection(arguments ...string) (Selection, error) {
	var s Selection
	for _, a := range arguments {
		switch _, err := path.Match(a, ""); {
		case a == "" || len(a) >= unix.IFNAMSIZ && !strings.ContainsAny(a, `*?[\`):
			return Selection{}, fmt.Errorf("interface %q: a name has 1 to %d bytes", a, unix.IFNAMSIZ-1)
		case strings.Contains(a, "/"):
			return Selection{}, fmt.Errorf("interface %q: a name has no slash", a)
		case err != nil:
			return Selection{}, fmt.Errorf("interface %q: %w", a, err)
		case strings.ContainsAny(a, `*?[\`):
			s.patterns = append(s.patterns, a)
		default:
			s.names = append(s.names, a)
		}
	}
	return s, nil
}

// All reports whether there are neither names nor patterns, so that all links that matter are selected.
func (s Selection) All() bool { return len(s.names)+len(s.patterns) == 0 }

// Missing returns the names without a link, in their order. A pattern is never missing: its links may come later.
func (s Selection) Missing(all Links) []string {
	var missing []string
	for _, name := range s.names {
		if _, ok := all.Named(name); !ok {
			missing = append(missing, name)
		}
	}
	return missing
}

// Matches reports whether to watch a link, given all links, and why or why not.
//
// It matches a named link. It matches a link with a pattern, unless another selected link already shows its packets.
// Without names and patterns it matches every link, up or down, except those whose packets another link shows, and
//   - the loopback;
//   - links that only repeat other links' packets: ifb, Wi-Fi monitors, a VRF (its ports match), and the conduit of a
//     switch (DSA: its frames have the switch's tag, and the ports show them);
//   - links without IP: CAN, netlink and vsock monitors, IEEE 802.15.4, Phonet, MCTP.
//
// The ports of a bridge show all its packets, and those between two ports never pass the bridge device: so the ports
// match, and the bridge only if it is named, has no ports, or has an unselected port. A bond or team shows the packets
// of its ports. The parent of a VLAN, macvlan or ipvlan shows its packets, with their tag; the parent matches and not
// the VLAN, because it also has the untagged packets and those of other VLANs. A VLAN matches if its parent does not,
// even if the parent is a port of a watched bridge: its packets never reach the bridge.
func (s Selection) Matches(l Link, all Links) (bool, string) { return s.matches(l, all, maxDepth) }

// maxDepth bounds the nesting of links. The kernel allows 8 (MAX_NEST_DEV). The bound also ends cycles, which can occur
// while the known links date from different moments.
const maxDepth = 8

func (s Selection) matches(l Link, all Links, depth int) (bool, string) {
	if slices.Contains(s.names, l.Name) {
		return true, "named"
	}
	ok, reason := s.wanted(l, all)
	if !ok || depth == 0 {
		return ok, reason
	}
	if s.byPorts(l, all, depth-1) {
		return false, "its ports show its packets"
	}
	if on, ok := s.seenOn(l, all, depth-1); ok {
		return false, on.Name + " shows its packets"
	}
	return true, reason
}

// wanted is matches for an unnamed link, regardless of other links that show its packets.
func (s Selection) wanted(l Link, all Links) (bool, string) {
	if s.All() {
		if why := idle(l, all); why != "" {
			return false, why
		}
		return true, "by default"
	}
	i := slices.IndexFunc(s.patterns, func(p string) bool { ok, _ := path.Match(p, l.Name); return ok })
	if i < 0 {
		return false, "not named"
	}
	return true, "matches " + s.patterns[i]
}

// byPorts reports whether the ports of a selected, but unnamed bridge are watched in its place.
func (s Selection) byPorts(bridge Link, all Links, depth int) bool {
	if !bridge.IsBridge || slices.Contains(s.names, bridge.Name) {
		return false
	}
	if ok, _ := s.wanted(bridge, all); !ok {
		return false
	}
	hasPort := false
	for _, port := range all {
		if port.Master != bridge.Index || bridge.Index == 0 {
			continue
		}
		isWatched, _ := s.wanted(port, all)
		if isWatched = isWatched || slices.Contains(s.names, port.Name); !isWatched && depth > 0 {
			_, isWatched = s.seenBelow(port, all, depth-1)
		}
		if s.All() && isWatched { // the packets of ports that do not match do not matter
			return true
		}
		if !s.All() && !isWatched {
			return false
		}
		hasPort = true
	}
	return hasPort && !s.All()
}

// Twice returns the selected link that already shows and counts the packets of l, if l is watched nevertheless because
// it is named.
func (s Selection) Twice(l Link, all Links) (Link, bool) {
	if !slices.Contains(s.names, l.Name) {
		return Link{}, false
	}
	return s.seenOn(l, all, maxDepth-1)
}

// IsUpper reports whether an unselected link is an upper device of selected ones, which have counted its packets. For
// the kernel the ingress interface of such a packet is the upper device: the VLAN, the bridge, or the VRF.
func (s Selection) IsUpper(l Link, all Links) bool {
	if ok, _ := s.Matches(l, all); ok {
		return false
	}
	if s.byPorts(l, all, maxDepth-1) {
		return true
	}
	if l.Kind != "vrf" {
		_, ok := s.seenBelow(l, all, maxDepth-1)
		return ok
	}
	ports := 0
	for _, port := range all {
		if port.Master != l.Index {
			continue
		}
		ports++
		if ok, _ := s.Matches(port, all); ok {
			continue
		}
		if _, ok := s.seenBelow(port, all, maxDepth-1); !ok {
			return false
		}
	}
	return ports > 0
}

// seenOn returns the selected link that also shows the packets of l.
func (s Selection) seenOn(l Link, all Links, depth int) (Link, bool) {
	// The master of a port shows its packets, or the master's master does.
	at := l
	for range depth {
		master, ok := all[at.Master]
		if !ok || at.Master == 0 || !slices.Contains([]string{"bridge", "bond", "team"}, master.Kind) {
			break
		}
		if ok, _ := s.matches(master, all, depth-1); ok {
			return master, true
		}
		at = master
	}
	return s.seenBelow(l, all, depth)
}

// seenBelow is seenOn among the lower devices of l, at any depth: QinQ is a VLAN on a VLAN.
func (s Selection) seenBelow(l Link, all Links, depth int) (Link, bool) {
	at := l
	for range depth {
		parent, ok := all[at.Parent]
		if !ok || !isOnParent(at) {
			break
		}
		if ok, _ := s.matches(parent, all, depth-1); ok || s.byPorts(parent, all, depth-1) {
			return parent, true
		}
		at = parent
	}
	return Link{}, false
}

// isOnParent reports whether the parent shows all of a link's packets.
func isOnParent(l Link) bool {
	return slices.Contains([]string{"vlan", "macvlan", "macvtap", "ipvlan", "ipvtap"}, l.Kind)
}

// idle returns the reason why a link has no packets of its own that matter, or "".
func idle(l Link, all Links) string {
	switch {
	case l.Loopback:
		return "loopback"
	case l.Kind == "ifb":
		return "repeats packets that tc redirects from other links"
	case l.Kind == "vrf":
		return "its ports show its packets"
	}
	switch l.Type {
	case unix.ARPHRD_IEEE80211, unix.ARPHRD_IEEE80211_PRISM, unix.ARPHRD_IEEE80211_RADIOTAP:
		return "monitors radio frames"
	case unix.ARPHRD_CAN, unix.ARPHRD_NETLINK, unix.ARPHRD_VSOCKMON, unix.ARPHRD_IEEE802154,
		unix.ARPHRD_IEEE802154_MONITOR,
		unix.ARPHRD_PHONET, unix.ARPHRD_PHONET_PIPE, unix.ARPHRD_MCTP:
		return "carries no IP"
	}
	if l.Kind != "" || l.Type != unix.ARPHRD_ETHER { // a conduit is a real Ethernet device
		return ""
	}
	for _, port := range all {
		if port.Kind == "dsa" && port.Parent == l.Index {
			return "conduit of a switch: the switch's ports show its packets"
		}
	}
	return ""
}
