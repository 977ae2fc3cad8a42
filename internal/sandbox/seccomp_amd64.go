// SPDX-License-Identifier: Apache-2.0

package sandbox

import "golang.org/x/sys/unix"

const sysMmap = unix.SYS_MMAP

// archSetFS is ARCH_SET_FS of asm/prctl.h: every new thread of Go sets its thread-local storage with it.
const archSetFS = 0x1002

// architecture returns the numbers of x86-64. Those of the x32 ABI have bit 30 set and equal none of these.
func architecture(r Role) (archFilter, bool) {
	calls := [][]uintptr{commonCalls, {unix.SYS_EPOLL_WAIT, unix.SYS_POLL, unix.SYS_SELECT}}
	own := []rule{is(unix.SYS_ARCH_PRCTL, 0, archSetFS)}
	if r.keepsFiles() {
		calls = append(calls, fileCalls, networkCalls(r), []uintptr{unix.SYS_NEWFSTATAT, unix.SYS_RENAMEAT})
		return archFilter{unix.AUDIT_ARCH_X86_64, rules(calls, commonRules(r), networkRules(r), own)}, true
	}
	return archFilter{unix.AUDIT_ARCH_X86_64, rules(append(calls, socketCalls), commonRules(r), socketRules(), own)},
		true
}
