// SPDX-License-Identifier: Apache-2.0

package confined

import (
	"github.com/weirnet/weir/internal/agent"
	"github.com/weirnet/weir/internal/helper"
)

// noteUppers makes upper devices known to the privileged process whose packets are counted on a watched device below,
// as a VLAN's are on its parent: where such a packet goes out, the kernel gives the VLAN as the interface that it came
// in by. With mu held.
func (ls *links) noteUppers() {
	for index := range ls.uppers {
		if l, ok := ls.all[index]; ok && ls.selection.IsUpper(l, ls.all) {
			continue
		}
		delete(ls.uppers, index)
		if err := ls.watcher.Unwatch(index); err != nil && !agent.IsGone(err) {
			ls.log("%v", err)
		}
	}
	for _, l := range ls.all.Sorted() {
		_, noted := ls.uppers[l.Index]
		_, isWatched := ls.watched[l.Index]
		if noted || isWatched || !ls.selection.IsUpper(l, ls.all) {
			continue
		}
		if _, _, err := ls.watcher.Watch(helper.Link{Index: l.Index, Name: l.Name, Carried: true}); err != nil {
			ls.log("packets that come in by %s will be counted again where they go out: %v", l.Name, err)
			continue
		}
		ls.uppers[l.Index] = struct{}{}
	}
}
