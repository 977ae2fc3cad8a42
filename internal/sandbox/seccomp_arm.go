// SPDX-License-Identifier: Apache-2.0

package sandbox

import "golang.org/x/sys/unix"

const sysMmap = unix.SYS_MMAP2

// armSetTLS is __ARM_NR_set_tls of asm/unistd.h, with which C libraries set a thread's local storage.
const armSetTLS = 0xf0005

func architecture(r Role) (archFilter, bool) {
	calls := []uintptr{
		unix.SYS_FUTEX_TIME64, unix.SYS_CLOCK_GETTIME64, unix.SYS_CLOCK_NANOSLEEP_TIME64, unix.SYS_TIMER_SETTIME64,
		unix.SYS_PPOLL_TIME64, unix.SYS_PSELECT6_TIME64, unix.SYS_EPOLL_WAIT, unix.SYS_POLL, unix.SYS__NEWSELECT,
		unix.SYS__LLSEEK, unix.SYS_FSTAT64, unix.SYS_GETUID32, unix.SYS_GETEUID32, unix.SYS_GETGID32,
		unix.SYS_GETEGID32,
		unix.SYS_SIGRETURN, armSetTLS,
	}
	own := []rule{is(unix.SYS_FCNTL64, 1, fcntlCommands(r)...)}
	if r.keepsFiles() {
		return archFilter{unix.AUDIT_ARCH_ARM, rules([][]uintptr{commonCalls, calls, fileCalls, networkCalls(r),
			{unix.SYS_RENAMEAT, unix.SYS_FSTATAT64, unix.SYS_FTRUNCATE64, unix.SYS_FSTATFS64}},
			commonRules(r), networkRules(r), own)}, true
	}
	return archFilter{unix.AUDIT_ARCH_ARM, rules([][]uintptr{commonCalls, socketCalls, calls}, commonRules(r),
		socketRules(), own)}, true
}
