// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Offsets in struct seccomp_data (linux/seccomp.h). The low half of an argument comes first on a little-endian machine,
// as are all with a filter here.
const (
	offsetNumber       = 0
	offsetArchitecture = 4
	offsetArguments    = 16
)

const (
	allow  = unix.SECCOMP_RET_ALLOW
	refuse = unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)
	absent = unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)
)

// relation is a condition's comparison.
type relation int

const (
	equal relation = iota // equals the value
	clear                 // has none of the value's bits
	full                  // has all of the value's bits
)

// condition tests the low 32 bits of an argument. Every argument tested here is an int, or has its meaning in those
// bits.
type condition struct {
	argument uint32
	relation relation
	value    uint32
}

// rule allows a system call if all conditions of one of its alternatives hold, or always if it has no alternative.
type rule struct {
	number uintptr
	any    [][]condition
}

// is allows a call if one argument has one of the values.
func is(number uintptr, argument uint32, values ...uint32) rule {
	r := rule{number: number}
	for _, v := range values {
		r.any = append(r.any, []condition{{argument, equal, v}})
	}
	return r
}

// only allows a call if all conditions hold.
func only(number uintptr, all ...condition) rule { return rule{number, [][]condition{all}} }

// namespaces are the clone(2) flags for new namespaces. CLONE_NEWTIME shares a bit with the exit signal, and only works
// with unshare.
const namespaces = unix.CLONE_NEWNS |
	unix.CLONE_NEWCGROUP | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWUSER |
	unix.CLONE_NEWPID | unix.CLONE_NEWNET

// sizeofSockaddrNetlink distinguishes a netlink address from a packet socket's, which has 20 bytes and is refused with
// fewer.
const sizeofSockaddrNetlink = unix.SizeofSockaddrNetlink

// commonCalls are allowed on every architecture, the frequent ones first.
var commonCalls = []uintptr{
	unix.SYS_FUTEX, unix.SYS_EPOLL_PWAIT, unix.SYS_READ, unix.SYS_WRITE, unix.SYS_NANOSLEEP, unix.SYS_CLOCK_NANOSLEEP,
	unix.SYS_CLOCK_GETTIME, unix.SYS_CLOCK_GETRES, unix.SYS_GETTIMEOFDAY, unix.SYS_SCHED_YIELD, unix.SYS_GETCPU,
	unix.SYS_RT_SIGRETURN, unix.SYS_RT_SIGACTION, unix.SYS_RT_SIGPROCMASK, unix.SYS_SIGALTSTACK,
	unix.SYS_MADVISE, unix.SYS_MUNMAP, unix.SYS_BRK, unix.SYS_MINCORE,
	unix.SYS_READV, unix.SYS_WRITEV, unix.SYS_PREAD64, unix.SYS_LSEEK, unix.SYS_FSTAT, unix.SYS_FSYNC, unix.SYS_CLOSE,
	unix.SYS_EPOLL_CREATE1, unix.SYS_EPOLL_CTL, unix.SYS_EVENTFD2, unix.SYS_PIPE2, unix.SYS_PPOLL, unix.SYS_PSELECT6,
	unix.SYS_SCHED_GETAFFINITY, unix.SYS_GETTID, unix.SYS_GETPID, unix.SYS_GETPPID,
	unix.SYS_GETUID, unix.SYS_GETEUID, unix.SYS_GETGID, unix.SYS_GETEGID, unix.SYS_UNAME, unix.SYS_GETRUSAGE,
	unix.SYS_SYSINFO,
	unix.SYS_SETITIMER, unix.SYS_TIMER_CREATE, unix.SYS_TIMER_SETTIME, unix.SYS_TIMER_DELETE,
	unix.SYS_SET_ROBUST_LIST, unix.SYS_RSEQ, unix.SYS_RESTART_SYSCALL, unix.SYS_GETRANDOM,
	unix.SYS_EXIT, unix.SYS_EXIT_GROUP,
}

// fcntlCommands are allowed in the role; memfds get seals and are tested for them.
func fcntlCommands(r Role) []uint32 {
	all := []uint32{unix.F_GETFD, unix.F_SETFD, unix.F_GETFL, unix.F_SETFL, unix.F_DUPFD_CLOEXEC}
	if r.keepsFiles() {
		return append(all, unix.F_GET_SEALS)
	}
	return append(all, unix.F_ADD_SEALS)
}

// commonRules returns the conditional rules for every architecture.
func commonRules(r Role) []rule {
	all := []rule{
		// Threads, not processes.
		only(unix.SYS_CLONE, condition{0, full, unix.CLONE_THREAD}, condition{0, clear, namespaces}),
		// No executable memory.
		only(unix.SYS_MPROTECT, condition{2, clear, unix.PROT_EXEC}),
		only(sysMmap, condition{2, clear, unix.PROT_EXEC}),
		// Signals to the process's own threads, with which Go preempts goroutines.
		is(unix.SYS_TGKILL, 0, uint32(unix.Getpid())),
		// The calling thread's own CPUs.
		is(unix.SYS_SCHED_SETAFFINITY, 0, 0),
		is(unix.SYS_PRCTL, 0, unix.PR_SET_NAME, unix.PR_SET_VMA),
		is(unix.SYS_IOCTL, 1, unix.TCGETS, unix.TCSETS, unix.TCSETSW, unix.TCSETSF, unix.TIOCGWINSZ),
		is(unix.SYS_FCNTL, 1, fcntlCommands(r)...),
	}
	if r == Packets { // reports travel in memfds, and tell of the clock, which nobody sets without CAP_SYS_TIME
		all = append(all, rule{number: unix.SYS_ADJTIMEX})
		all = append(all, is(unix.SYS_MEMFD_CREATE, 1, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING,
			unix.MFD_CLOEXEC|unix.MFD_NOEXEC_SEAL))
	}
	return all
}

// fileCalls are of the roles Ship and Export. Landlock decides which files.
var fileCalls = []uintptr{
	unix.SYS_OPENAT, unix.SYS_STATX, unix.SYS_GETDENTS64, unix.SYS_READLINKAT, unix.SYS_MKDIRAT, unix.SYS_UNLINKAT,
	unix.SYS_RENAMEAT2, unix.SYS_FTRUNCATE, unix.SYS_FDATASYNC, unix.SYS_FLOCK, unix.SYS_PWRITE64,
	unix.SYS_FALLOCATE, unix.SYS_FSTATFS,
}

// clientCalls are of the role Ship, which makes connections and takes none: it can neither bind nor listen. Export can,
// by serverCalls.
var clientCalls = []uintptr{
	unix.SYS_CONNECT, unix.SYS_SENDTO, unix.SYS_RECVFROM, unix.SYS_SENDMSG, unix.SYS_RECVMSG, unix.SYS_SHUTDOWN,
	unix.SYS_GETSOCKOPT, unix.SYS_GETSOCKNAME, unix.SYS_GETPEERNAME,
}

// serverCalls are of the role Export. umask decides on the mode of a Unix socket.
var serverCalls = []uintptr{unix.SYS_BIND, unix.SYS_LISTEN, unix.SYS_ACCEPT4, unix.SYS_UMASK}

// networkCalls are the socket calls of the role.
func networkCalls(r Role) []uintptr {
	if r == Export {
		return append(clientCalls[:len(clientCalls):len(clientCalls)], serverCalls...)
	}
	return clientCalls
}

// networkRules allow sockets of TCP and UDP, the latter for names; and Unix sockets in the role Export.
func networkRules(r Role) []rule {
	var sockets [][]condition
	families := []uint32{unix.AF_INET, unix.AF_INET6}
	if r == Export {
		families = append(families, unix.AF_UNIX)
	}
	for _, family := range families {
		for _, kind := range []uint32{unix.SOCK_STREAM, unix.SOCK_DGRAM} {
			sockets = append(sockets, []condition{{0, equal, family},
				{1, equal, kind | unix.SOCK_CLOEXEC | unix.SOCK_NONBLOCK}})
		}
	}
	options := [][]condition{
		{{1, equal, unix.IPPROTO_TCP}},
		{{1, equal, unix.IPPROTO_IPV6}, {2, equal, unix.IPV6_V6ONLY}},
		{{1, equal, unix.SOL_SOCKET}, {2, equal, unix.SO_KEEPALIVE}},
		{{1, equal, unix.SOL_SOCKET}, {2, equal, unix.SO_BROADCAST}},
		{{1, equal, unix.SOL_SOCKET}, {2, equal, unix.SO_LINGER}},
	}
	if r == Export {
		options = append(options, []condition{{1, equal, unix.SOL_SOCKET}, {2, equal, unix.SO_REUSEADDR}})
	}
	return []rule{{unix.SYS_SOCKET, sockets}, {unix.SYS_SETSOCKOPT, options}}
}

// socketCalls are for architectures with a number for each.
var socketCalls = []uintptr{
	unix.SYS_ACCEPT4, // on a socket of the helper
	unix.SYS_RECVMSG, unix.SYS_SENDMSG, unix.SYS_RECVFROM, unix.SYS_GETSOCKOPT, unix.SYS_GETSOCKNAME,
	unix.SYS_GETPEERNAME,
}

// socketRules allow making a netlink routing socket, and protect the packet sockets from the helper: no call can bind
// them to another interface, send to an address, or set options.
func socketRules() []rule {
	return []rule{
		only(unix.SYS_SOCKET, condition{0, equal, unix.AF_NETLINK}, condition{2, equal, unix.NETLINK_ROUTE}),
		is(unix.SYS_BIND, 2, sizeofSockaddrNetlink),
		is(unix.SYS_SENDTO, 5, sizeofSockaddrNetlink),
		{unix.SYS_SETSOCKOPT, [][]condition{
			{{1, equal, unix.SOL_NETLINK}},
			{{1, equal, unix.SOL_SOCKET}, {2, equal, unix.SO_RCVBUF}},
			{{1, equal, unix.SOL_SOCKET}, {2, equal, unix.SO_RCVBUFFORCE}},
		}},
	}
}

// filter assembles the program. It refuses what no rule allows with EPERM, except clone3, whose flags a filter cannot
// see: with ENOSYS C libraries fall back to clone.
func filter(arch archFilter) []unix.SockFilter {
	load := func(offset uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
	}
	jump := func(op uint16, k uint32, yes, no int) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | op | unix.BPF_K, K: k, Jt: uint8(yes), Jf: uint8(no)}
	}
	ret := func(k uint32) unix.SockFilter { return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: k} }

	p := []unix.SockFilter{
		load(offsetArchitecture), jump(unix.BPF_JEQ, arch.audit, 1, 0), ret(refuse), // another ABI of this machine
		load(offsetNumber),
		jump(unix.BPF_JEQ, unix.SYS_CLONE3, 0, 1), ret(absent),
	}
	for _, r := range arch.rules {
		var body []unix.SockFilter
		for _, all := range r.any {
			var tests []unix.SockFilter
			for i := len(all) - 1; i >= 0; i-- {
				// backwards: a failed test jumps over the rest and over "allow"
				c, rest := all[i], len(tests)+1
				low := load(offsetArguments + 8*c.argument)
				var test []unix.SockFilter
				switch c.relation {
				case equal:
					test = []unix.SockFilter{low, jump(unix.BPF_JEQ, c.value, 0, rest)}
				case clear:
					test = []unix.SockFilter{low, jump(unix.BPF_JSET, c.value, rest, 0)}
				case full:
					and := unix.SockFilter{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: c.value}
					test = []unix.SockFilter{low, and, jump(unix.BPF_JEQ, c.value, 0, rest)}
				}
				tests = append(test, tests...)
			}
			body = append(append(body, tests...), ret(allow))
		}
		if len(r.any) == 0 {
			body = append(body, ret(allow))
		} else {
			body = append(body, ret(refuse)) // the accumulator no longer holds the number
		}
		p = append(append(p, jump(unix.BPF_JEQ, uint32(r.number), 0, len(body))), body...)
	}
	return append(p, ret(refuse))
}

// archFilter holds an architecture's part of the filter.
type archFilter struct {
	audit uint32 // AUDIT_ARCH_*
	rules []rule
}

// rules makes one list: calls without conditions first, conditional rules after them.
func rules(calls [][]uintptr, conditional ...[]rule) []rule {
	var all []rule
	for _, list := range calls {
		for _, number := range list {
			all = append(all, rule{number: number})
		}
	}
	for _, list := range conditional {
		all = append(all, list...)
	}
	return all
}

// installFilter enforces the filter for all threads (Linux 3.17). It needs no_new_privs.
func installFilter(r Role) error {
	arch, ok := architecture(r)
	if !ok {
		return fmt.Errorf("no filter for %s", runtime.GOARCH)
	}
	program := filter(arch)
	prog := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	thread, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC,
		uintptr(unsafe.Pointer(&prog)))
	runtime.KeepAlive(program)
	switch {
	case errno == unix.ENOSYS:
		return fmt.Errorf("not in this kernel (since Linux 3.17, CONFIG_SECCOMP_FILTER)")
	case errno != 0:
		return fmt.Errorf("install filter: %w", errno)
	case thread != 0:
		return fmt.Errorf("install filter: thread %d cannot synchronise", thread)
	}
	return nil
}
