// SPDX-License-Identifier: Apache-2.0

package sandbox

import "golang.org/x/sys/unix"

const sysMmap = unix.SYS_MMAP

func architecture() (archFilter, bool) {
	return archFilter{unix.AUDIT_ARCH_AARCH64, rules([][]uintptr{commonCalls, socketCalls}, commonRules(),
		socketRules())}, true
}
