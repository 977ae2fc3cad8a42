// SPDX-License-Identifier: Apache-2.0

package agent

import "github.com/weirnet/weir/internal/helper"

// noteCarried tells the helper of links whose packets are counted on a watched link below, a VLAN's on its parent:
// where such a packet goes out, the kernel says that it came in by the VLAN. With mu held.
func (a *agent) noteCarried() {
	for index := range a.carried {
		if l, ok := a.links[index]; ok && a.selection.Carried(l, a.links) {
			continue
		}
		delete(a.carried, index)
		if err := a.client.Unwatch(index); err != nil && !isGone(err) {
			a.output.Log("%v", err)
		}
	}
	for _, l := range a.links.Sorted() {
		_, noted := a.carried[l.Index]
		_, isWatched := a.watched[l.Index]
		if noted || isWatched || !a.selection.Carried(l, a.links) {
			continue
		}
		if _, _, err := a.client.Watch(helper.Link{Index: l.Index, Name: l.Name, Carried: true}); err != nil {
			a.output.Log("packets that come in by %s will be counted again where they go out: %v", l.Name, err)
			continue
		}
		if a.carried == nil {
			a.carried = map[uint32]struct{}{}
		}
		a.carried[l.Index] = struct{}{}
	}
}
