// SPDX-License-Identifier: Apache-2.0

package sandbox

import "golang.org/x/sys/unix"

const sysMmap = unix.SYS_MMAP

func architecture(r Role) (archFilter, bool) {
	if r.keepsFiles() {
		return archFilter{unix.AUDIT_ARCH_AARCH64, rules([][]uintptr{commonCalls, fileCalls, networkCalls(r),
			{unix.SYS_NEWFSTATAT, unix.SYS_RENAMEAT}}, commonRules(r), networkRules(r))}, true
	}
	return archFilter{unix.AUDIT_ARCH_AARCH64, rules([][]uintptr{commonCalls, socketCalls}, commonRules(r),
		socketRules())}, true
}
