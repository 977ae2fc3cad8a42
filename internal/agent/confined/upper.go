// SPDX-License-Identifier: Apache-2.0

package confined

import (
	"github.com/weirnet/weir/internal/agent"
	"github.com/weirnet/weir/internal/helper"
)

// noteUppers names to the privileged process the upper devices whose packets weir counts on a watched lower device,
// such as a VLAN's on its parent: when such a packet leaves, the kernel gives the VLAN as its incoming interface.
// Called with mu held.
func (ls *links) noteUppers() {
	for index := range ls.uppers {
		if l, ok := ls.all[index]; ok && ls.selection.IsUpper(l, ls.all) {
			continue
		}
		delete(ls.uppers, index)
		if err := ls.watcher.Unwatch(index); err != nil && !agent.IsGone(err) {
			ls.log.Warnf("%v", err)
		}
	}
	for _, l := range ls.all.Sorted() {
		_, noted := ls.uppers[l.Index]
		_, isWatched := ls.watched[l.Index]
		if noted || isWatched || !ls.selection.IsUpper(l, ls.all) {
			continue
		}
		if _, _, err := ls.watcher.Watch(helper.Link{Index: l.Index, Name: l.Name, Upper: true}); err != nil {
			ls.log.Warnf("weir will count packets that come in by %s again where they leave: %v", l.Name, err)
			continue
		}
		ls.uppers[l.Index] = struct{}{}
	}
}
