// SPDX-License-Identifier: Apache-2.0

package topology

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Selection says which links are to be watched. The zero value selects those that matter, see Matches.
type Selection struct {
	names    []string
	patterns []string
}

// NewSelection makes one from arguments: names, or patterns as in a shell ('eth*', 'ppp?', 'lan[0-3]'). With none, the
// links that matter are selected.
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

// All says that no link was named: those that matter are selected.
func (s Selection) All() bool { return len(s.names)+len(s.patterns) == 0 }

// Missing returns the names that no link has, in the order given. A pattern is never missing: its links may come later.
func (s Selection) Missing(all Links) []string {
	var missing []string
	for _, name := range s.names {
		if _, ok := all.Named(name); !ok {
			missing = append(missing, name)
		}
	}
	return missing
}

// Matches says whether a link is to be watched, given all links, and why or why not.
//
// A link that was named is. One that a pattern matches is, unless its packets are seen on another selected link
// already. Without names and patterns every link is, up or down, apart from those and
//   - the loopback;
//   - links that only repeat what others carry: ifb, Wi-Fi monitors, a VRF (its ports are watched), and the conduit of
//     a switch (DSA: its frames carry the switch's own tag, and are seen on the ports);
//   - links that carry no IP: CAN, netlink and vsock monitors, IEEE 802.15.4, Phonet, MCTP.
//
// A bridge's packets are seen on its ports, also those that it only passes from port to port, which never come by the
// bridge itself: so the ports are watched, and the bridge is where it was named, has no ports, or has one that is not
// selected. The packets of a port of a bond or team are seen on that. The packets of a VLAN, macvlan or ipvlan are seen
// on its parent, with their tag; the parent is watched and not the VLAN, because it has the untagged and the other
// VLANs' packets too. A VLAN whose parent is not watched is watched itself, also where the parent is a port of a bridge
// that is watched: such packets never reach the bridge.
func (s Selection) Matches(l Link, all Links) (bool, string) { return s.matches(l, all, maxDepth) }

// maxDepth bounds how many links lie above one another. The kernel allows 8 (MAX_NEST_DEV); the bound also ends circles
// that may be in links which were not all told at one moment.
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
		return false, "its packets are seen on its ports"
	}
	if on, ok := s.seenOn(l, all, depth-1); ok {
		return false, "its packets are seen on " + on.Name
	}
	return true, reason
}

// wanted is matches for a link that was not named, as if there were no others that its packets are seen on.
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

// byPorts says whether a bridge that is selected, but was not named, is watched by its ports.
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
		if s.All() && isWatched { // a port of another kind has no packets that matter
			return true
		}
		if !s.All() && !isWatched {
			return false
		}
		hasPort = true
	}
	return hasPort && !s.All()
}

// Twice returns the selected link on which the packets of l are seen and counted already, where l is watched all the
// same because it was named.
func (s Selection) Twice(l Link, all Links) (Link, bool) {
	if !slices.Contains(s.names, l.Name) {
		return Link{}, false
	}
	return s.seenOn(l, all, maxDepth-1)
}

// IsUpper says whether a link that is not selected is an upper device of selected ones: what comes in by it was counted
// on a lower device before. For the kernel such a packet came in by the upper device: the VLAN, the bridge, or the VRF.
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

// seenOn returns the selected link on which the packets of l are seen too.
func (s Selection) seenOn(l Link, all Links, depth int) (Link, bool) {
	// A port's packets are seen on its master, or on the master's master.
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

// seenBelow is that of links below l. What lies on a link that is seen elsewhere is seen there too: QinQ is a VLAN on a
// VLAN.
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

// isOnParent says whether a link's packets are all seen on its parent.
func isOnParent(l Link) bool {
	return slices.Contains([]string{"vlan", "macvlan", "macvtap", "ipvlan", "ipvtap"}, l.Kind)
}

// idle says why a link has no packets of its own that matter, or nothing.
func idle(l Link, all Links) string {
	switch {
	case l.Loopback:
		return "loopback"
	case l.Kind == "ifb":
		return "repeats the packets that tc redirects from other links"
	case l.Kind == "vrf":
		return "its packets are those of its ports"
	}
	switch l.Type {
	case unix.ARPHRD_IEEE80211, unix.ARPHRD_IEEE80211_PRISM, unix.ARPHRD_IEEE80211_RADIOTAP:
		return "a monitor of radio frames"
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
			return "conduit of a switch: its packets are seen on the switch's ports"
		}
	}
	return ""
}
