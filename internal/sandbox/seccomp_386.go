// SPDX-License-Identifier: Apache-2.0

package sandbox

import "golang.org/x/sys/unix"

const sysMmap = unix.SYS_MMAP2

// Numbers of linux/net.h for socketcall(2), through which Go does all socket calls on this architecture. Its arguments
// are in memory, where a filter cannot see them: this filter refuses calls that need conditions, so the process makes
// its sockets before Confine.
const (
	callGetsockname = 6
	callGetpeername = 7
	callRecv        = 10
	callRecvfrom    = 12
	callGetsockopt  = 15
	callSendmsg     = 16
	callRecvmsg     = 17
	callAccept4     = 18
)

func architecture() (archFilter, bool) {
	calls := []uintptr{
		unix.SYS_FUTEX_TIME64, unix.SYS_CLOCK_GETTIME64, unix.SYS_CLOCK_NANOSLEEP_TIME64, unix.SYS_TIMER_SETTIME64,
		unix.SYS_PPOLL_TIME64, unix.SYS_PSELECT6_TIME64, unix.SYS_EPOLL_WAIT, unix.SYS_POLL, unix.SYS__NEWSELECT,
		unix.SYS__LLSEEK, unix.SYS_FSTAT64, unix.SYS_GETUID32, unix.SYS_GETEUID32, unix.SYS_GETGID32,
		unix.SYS_GETEGID32,
		unix.SYS_SIGRETURN, unix.SYS_SET_THREAD_AREA,
	}
	return archFilter{unix.AUDIT_ARCH_I386, rules([][]uintptr{commonCalls, calls}, commonRules(), []rule{
		is(unix.SYS_FCNTL64, 1, unix.F_GETFD, unix.F_SETFD, unix.F_GETFL, unix.F_SETFL, unix.F_DUPFD_CLOEXEC),
		is(unix.SYS_SOCKETCALL, 0, callGetsockname, callGetpeername, callRecv, callRecvfrom, callGetsockopt,
			callSendmsg, callRecvmsg,
			callAccept4),
	})}, true
}
