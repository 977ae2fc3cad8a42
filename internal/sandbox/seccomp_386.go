// SPDX-License-Identifier: Apache-2.0

package sandbox

import "golang.org/x/sys/unix"

const sysMmap = unix.SYS_MMAP2

// Numbers of linux/net.h for socketcall(2), through which Go does all socket calls on this architecture. Its arguments
// are in memory, where a filter cannot see them: this filter refuses calls that need conditions, so the process makes
// its sockets before Confine.
const (
	callSocket      = 1
	callBind        = 2
	callConnect     = 3
	callListen      = 4
	callGetsockname = 6
	callGetpeername = 7
	callSend        = 9
	callRecv        = 10
	callSendto      = 11
	callRecvfrom    = 12
	callShutdown    = 13
	callSetsockopt  = 14
	callGetsockopt  = 15
	callSendmsg     = 16
	callRecvmsg     = 17
	callAccept4     = 18
)

func architecture(r Role) (archFilter, bool) {
	calls := []uintptr{
		unix.SYS_FUTEX_TIME64, unix.SYS_CLOCK_GETTIME64, unix.SYS_CLOCK_NANOSLEEP_TIME64, unix.SYS_TIMER_SETTIME64,
		unix.SYS_PPOLL_TIME64, unix.SYS_PSELECT6_TIME64, unix.SYS_EPOLL_WAIT, unix.SYS_POLL, unix.SYS__NEWSELECT,
		unix.SYS__LLSEEK, unix.SYS_FSTAT64, unix.SYS_GETUID32, unix.SYS_GETEUID32, unix.SYS_GETGID32,
		unix.SYS_GETEGID32,
		unix.SYS_SIGRETURN, unix.SYS_SET_THREAD_AREA,
	}
	fcntl := is(unix.SYS_FCNTL64, 1, fcntlCommands(r)...)
	if r.keepsFiles() { // its sockets may have any family: without a capability, only harmless ones
		sockets := []uint32{callSocket, callConnect, callGetsockname, callGetpeername, callSend, callRecv, callSendto,
			callRecvfrom, callShutdown, callSetsockopt, callGetsockopt, callSendmsg, callRecvmsg}
		more := []uintptr{unix.SYS_RENAMEAT, unix.SYS_FSTATAT64, unix.SYS_FTRUNCATE64, unix.SYS_FSTATFS64}
		if r == Export {
			sockets, more = append(sockets, callBind, callListen, callAccept4), append(more, unix.SYS_UMASK)
		}
		return archFilter{unix.AUDIT_ARCH_I386, rules([][]uintptr{commonCalls, calls, fileCalls, more}, commonRules(r),
			[]rule{fcntl, is(unix.SYS_SOCKETCALL, 0, sockets...)})}, true
	}
	return archFilter{unix.AUDIT_ARCH_I386, rules([][]uintptr{commonCalls, calls}, commonRules(r), []rule{
		fcntl,
		is(unix.SYS_SOCKETCALL, 0, callGetsockname, callGetpeername, callRecv, callRecvfrom, callGetsockopt,
			callSendmsg, callRecvmsg,
			callAccept4),
	})}, true
}
