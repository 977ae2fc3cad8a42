// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// act is an action that a process which reads packets must not be able to do.
type act struct {
	name string
	// try returns nil if the act succeeded. EPERM and EACCES are refusals; any other error means that the kernel
	// considered the act.
	try func(w *world) error
	// free means that an unconfined root can do it on a usual kernel, so that its refusal is the sandbox's work.
	free bool
	// unsafe acts are not tried by an unconfined process, since they may succeed.
	unsafe bool
	// errno is the refusal, if it is neither EPERM nor EACCES.
	errno unix.Errno
}

// world holds the targets of acts.
type world struct {
	dir    string // world-writable directory with a file "file"
	parent int    // process that started this one
	conn   int    // a connected unix socket
	abs    string // abstract address with a listener
}

func (w *world) path(name string) string { return w.dir + "/" + name }

// secret has the same address in every process of a test binary that is not position-independent.
var secret = [8]byte{1, 2, 3, 4, 5, 6, 7, 8}

func call(number uintptr, args ...uintptr) error {
	var a [6]uintptr
	copy(a[:], args)
	if _, _, errno := unix.Syscall6(number, a[0], a[1], a[2], a[3], a[4], a[5]); errno != 0 {
		return errno
	}
	return nil
}

// opened closes a descriptor that the act should not have obtained.
func opened(fd int, err error) error {
	if err == nil {
		unix.Close(fd)
	}
	return err
}

func open(path string, flags int) error { return opened(unix.Open(path, flags|unix.O_CLOEXEC, 0o600)) }

func socket(family, kind, protocol int) error {
	return opened(unix.Socket(family, kind|unix.SOCK_CLOEXEC, protocol))
}

func descriptor(number uintptr, args ...uintptr) error {
	var a [6]uintptr
	copy(a[:], args)
	fd, _, errno := unix.Syscall6(number, a[0], a[1], a[2], a[3], a[4], a[5])
	if errno != 0 {
		return errno
	}
	return unix.Close(int(fd))
}

// text returns a C string.
func text(s string) uintptr { return uintptr(unsafe.Pointer(&append([]byte(s), 0)[0])) }

func fork() error {
	pid, _, errno := unix.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	if errno != 0 {
		return errno
	}
	if pid == 0 {
		unix.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
	}
	_, err := unix.Wait4(int(pid), nil, 0, nil)
	return err
}

// inNamespace tries f in a new namespace of its thread, if the kernel allows one.
func inNamespace(flag int, f func() error) error {
	_ = unix.Unshare(flag)
	return f()
}

func vm(number uintptr) func(w *world) error {
	return func(w *world) error {
		var local [8]byte
		if number == unix.SYS_PROCESS_VM_WRITEV {
			local = secret
		}
		from := unix.Iovec{Base: &local[0]}
		from.SetLen(len(local))
		to := unix.RemoteIovec{Base: uintptr(unsafe.Pointer(&secret)), Len: len(secret)}
		return call(number, uintptr(w.parent), uintptr(unsafe.Pointer(&from)), 1, uintptr(unsafe.Pointer(&to)), 1)
	}
}

func bpf(command uintptr, attr []uint64) error {
	return descriptor(unix.SYS_BPF, command, uintptr(unsafe.Pointer(&attr[0])), uintptr(8*len(attr)))
}

// acts is the list of check E2: at least 40.
var acts = []act{
	// Files.
	{name: "read /etc/shadow", free: true, try: func(*world) error { return open("/etc/shadow", unix.O_RDONLY) }},
	{name: "read /etc/passwd", free: true, try: func(*world) error { return open("/etc/passwd", unix.O_RDONLY) }},
	{name: "list /", free: true, try: func(*world) error { return open("/", unix.O_RDONLY|unix.O_DIRECTORY) }},
	{name: "open a file to write", free: true, try: func(w *world) error {
		return open(w.path("file"), unix.O_WRONLY)
	}},
	{name: "open with openat2", free: true, try: func(w *world) error {
		return opened(unix.Openat2(unix.AT_FDCWD, w.path("file"), &unix.OpenHow{Flags: unix.O_RDONLY}))
	}},
	{name: "create a file", free: true, try: func(w *world) error {
		return open(w.path("new"), unix.O_WRONLY|unix.O_CREAT)
	}},
	{name: "stat a file", free: true, try: func(w *world) error { return unix.Stat(w.path("file"), new(unix.Stat_t)) }},
	{name: "chmod", free: true, try: func(w *world) error { return unix.Chmod(w.path("file"), 0o666) }},
	{name: "chown", free: true, try: func(w *world) error { return unix.Chown(w.path("file"), 0, 0) }},
	{name: "truncate", free: true, try: func(w *world) error { return unix.Truncate(w.path("file"), 0) }},
	{name: "link", free: true, try: func(w *world) error { return unix.Link(w.path("file"), w.path("link")) }},
	{name: "symlink", free: true, try: func(w *world) error { return unix.Symlink("file", w.path("symlink")) }},
	{name: "rename", free: true, try: func(w *world) error { return unix.Rename(w.path("file"), w.path("renamed")) }},
	{name: "unlink", free: true, try: func(w *world) error { return unix.Unlink(w.path("other")) }},
	{name: "mkdir", free: true, try: func(w *world) error { return unix.Mkdir(w.path("dir"), 0o700) }},
	{name: "mknod a device", free: true, try: func(w *world) error {
		return unix.Mknod(w.path("null"), unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3)))
	}},
	{name: "write /proc/self/mem", free: true, try: func(*world) error { return open("/proc/self/mem", unix.O_RDWR) }},
	{name: "read /proc/1/mem", try: func(*world) error { return open("/proc/1/mem", unix.O_RDONLY) }},
	{name: "read the parent's memory", free: true, try: func(w *world) error {
		return open(fmt.Sprintf("/proc/%d/mem", w.parent), unix.O_RDONLY)
	}},
	{name: "chdir", free: true, try: func(w *world) error {
		return inNamespace(unix.CLONE_FS, func() error { return unix.Chdir(w.dir) })
	}},
	{name: "open_by_handle_at", free: true, try: func(w *world) error {
		handle, _, err := unix.NameToHandleAt(unix.AT_FDCWD, "/", 0)
		if err != nil {
			return err
		}
		mount, err := unix.Open("/", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(mount)
		return opened(unix.OpenByHandleAt(mount, handle, unix.O_RDONLY))
	}},
	{name: "inotify_init1", free: true, try: func(*world) error { return opened(unix.InotifyInit1(unix.IN_CLOEXEC)) }},
	{name: "fanotify_init", free: true, try: func(*world) error {
		return opened(unix.FanotifyInit(unix.FAN_CLOEXEC, unix.O_RDONLY))
	}},
	{name: "quotactl", try: func(w *world) error {
		return call(unix.SYS_QUOTACTL, 0x800001<<8, 0, 0, 0) // Q_SYNC of all file systems
	}, free: true},

	// Programs and processes.
	{name: "execve", unsafe: true, try: func(*world) error { return unix.Exec("/bin/true", []string{"true"}, nil) }},
	{name: "execve of itself", unsafe: true, try: func(*world) error {
		return unix.Exec("/proc/self/exe", []string{"weir"}, nil)
	}},
	{name: "execveat of a memfd", unsafe: true, try: func(w *world) error {
		fd, err := unix.MemfdCreate("x", 0)
		if err != nil {
			fd = w.conn
		}
		argv := [2]uintptr{text("x"), 0}
		return call(unix.SYS_EXECVEAT, uintptr(fd), text(""), uintptr(unsafe.Pointer(&argv)), 0, unix.AT_EMPTY_PATH)
	}},
	{name: "memfd_create", free: true, try: func(*world) error {
		return opened(unix.MemfdCreate("x", unix.MFD_CLOEXEC))
	}},
	{name: "fork", free: true, try: func(*world) error { return fork() }},
	{name: "clone3", errno: unix.ENOSYS, unsafe: true, try: func(*world) error { return call(unix.SYS_CLONE3, 0, 0) }},
	{name: "mmap executable", free: true, try: func(*world) error {
		b, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_EXEC, unix.MAP_ANON|unix.MAP_PRIVATE)
		if err == nil {
			err = unix.Munmap(b)
		}
		return err
	}},
	{name: "mprotect executable", free: true, try: func(*world) error {
		b, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
		if err != nil {
			return errors.New("mmap: " + err.Error())
		}
		defer unix.Munmap(b)
		return unix.Mprotect(b, unix.PROT_READ|unix.PROT_EXEC)
	}},
	{name: "personality READ_IMPLIES_EXEC", free: true, try: func(*world) error {
		return call(unix.SYS_PERSONALITY, 0x0400000)
	}},
	{name: "ptrace the parent", free: true, try: func(w *world) error {
		const seize = 0x4206
		return call(unix.SYS_PTRACE, seize, uintptr(w.parent), 0, 0)
	}},
	{name: "process_vm_readv", free: true, try: vm(unix.SYS_PROCESS_VM_READV)},
	{name: "process_vm_writev", free: true, try: vm(unix.SYS_PROCESS_VM_WRITEV)},
	{name: "kill the parent", free: true, try: func(w *world) error { return unix.Kill(w.parent, 0) }},
	{name: "kill everybody", unsafe: true, try: func(*world) error { return unix.Kill(-1, 0) }},
	{name: "tgkill the parent", free: true, try: func(w *world) error { return unix.Tgkill(w.parent, w.parent, 0) }},
	{name: "pidfd of the parent", free: true, try: func(w *world) error { return opened(unix.PidfdOpen(w.parent, 0)) }},
	{name: "prlimit of the parent", free: true, try: func(w *world) error {
		return unix.Prlimit(w.parent, unix.RLIMIT_NOFILE, nil, new(unix.Rlimit))
	}},
	{name: "CPUs of the parent", free: true, try: func(w *world) error {
		set := unix.CPUSet{}
		if err := unix.SchedGetaffinity(0, &set); err != nil {
			return errors.New(err.Error())
		}
		return unix.SchedSetaffinity(w.parent, &set)
	}},
	{name: "priority", free: true, try: func(*world) error {
		return unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(),
			-1)
	}},
	{name: "kcmp", unsafe: true, try: func(w *world) error {
		return call(unix.SYS_KCMP, uintptr(w.parent), uintptr(w.parent), 0, 0, 0)
	}},

	// Namespaces and mounts.
	{name: "unshare network", free: true, try: func(*world) error { return unix.Unshare(unix.CLONE_NEWNET) }},
	{name: "unshare user", unsafe: true, try: func(*world) error { return unix.Unshare(unix.CLONE_NEWUSER) }},
	{name: "setns", free: true, try: func(w *world) error {
		fd, err := unix.Open("/proc/self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			fd = w.conn
		}
		return unix.Setns(fd, unix.CLONE_NEWNET)
	}},
	{name: "mount", free: true, try: func(w *world) error {
		return inNamespace(unix.CLONE_NEWNS, func() error {
			_ = unix.Mount("", "/", "", unix.MS_PRIVATE|unix.MS_REC, "")
			return unix.Mount("x", w.dir, "tmpfs", 0, "")
		})
	}},
	{name: "umount", free: true, try: func(w *world) error {
		return inNamespace(unix.CLONE_NEWNS, func() error {
			_ = unix.Mount("", "/", "", unix.MS_PRIVATE|unix.MS_REC, "")
			_ = unix.Mount("x", w.dir, "tmpfs", 0, "")
			return unix.Unmount(w.dir, unix.MNT_DETACH)
		})
	}},
	{name: "fsopen", free: true, try: func(*world) error { return opened(unix.Fsopen("tmpfs", unix.FSOPEN_CLOEXEC)) }},
	{name: "open_tree", free: true, try: func(*world) error {
		return opened(unix.OpenTree(unix.AT_FDCWD, "/", unix.OPEN_TREE_CLOEXEC))
	}},
	{name: "chroot", free: true, try: func(w *world) error {
		return inNamespace(unix.CLONE_FS, func() error { return unix.Chroot(w.dir) })
	}},
	{name: "pivot_root", unsafe: true, try: func(w *world) error { return unix.PivotRoot(w.dir, w.dir) }},

	// The kernel.
	{name: "bpf PROG_LOAD", free: true, try: func(*world) error {
		program := []uint64{0x00000000_0000_00b7, 0x95} // r0 = 0; exit
		license := text("GPL")
		return bpf(unix.BPF_PROG_LOAD, []uint64{
			unix.BPF_PROG_TYPE_SOCKET_FILTER | 2<<32, uint64(uintptr(unsafe.Pointer(&program[0]))), uint64(license), 0,
			0, 0})
	}},
	{name: "bpf MAP_CREATE", free: true, try: func(*world) error {
		return bpf(unix.BPF_MAP_CREATE, []uint64{unix.BPF_MAP_TYPE_ARRAY | 4<<32, 4 | 1<<32, 0})
	}},
	{name: "perf_event_open", free: true, try: func(*world) error {
		attr := unix.PerfEventAttr{Type: unix.PERF_TYPE_SOFTWARE, Config: unix.PERF_COUNT_SW_CPU_CLOCK}
		attr.Size = uint32(unsafe.Sizeof(attr))
		return opened(unix.PerfEventOpen(&attr, 0, -1, -1, unix.PERF_FLAG_FD_CLOEXEC))
	}},
	{name: "io_uring_setup", free: true, try: func(*world) error {
		var params [120]byte
		return descriptor(unix.SYS_IO_URING_SETUP, 1, uintptr(unsafe.Pointer(&params)))
	}},
	{name: "userfaultfd", free: true, try: func(*world) error {
		return descriptor(unix.SYS_USERFAULTFD,
			unix.O_CLOEXEC)
	}},
	{name: "init_module", unsafe: true, try: func(*world) error { return unix.InitModule([]byte{0}, "") }},
	{name: "finit_module", unsafe: true, try: func(w *world) error { return unix.FinitModule(w.conn, "", 0) }},
	{name: "delete_module", unsafe: true, try: func(*world) error { return unix.DeleteModule("x", 0) }},
	{name: "kexec_load", unsafe: true, try: func(*world) error { return call(unix.SYS_KEXEC_LOAD, 0, 0, 0, 0) }},
	{name: "reboot", unsafe: true, try: func(*world) error { return call(unix.SYS_REBOOT, 0, 0, 0, 0) }},
	{name: "sethostname", free: true, try: func(*world) error {
		return inNamespace(unix.CLONE_NEWUTS, func() error { return unix.Sethostname([]byte("x")) })
	}},
	{name: "settimeofday", unsafe: true, try: func(*world) error { return unix.Settimeofday(&unix.Timeval{Sec: -1}) }},
	{name: "clock_settime", unsafe: true, try: func(*world) error {
		return unix.ClockSettime(unix.CLOCK_REALTIME,
			&unix.Timespec{Nsec: -1})
	}},
	{name: "adjtimex", unsafe: true, try: func(*world) error {
		_, err := unix.Adjtimex(&unix.Timex{Modes: unix.ADJ_TICK, Tick: -1})
		return err
	}},
	{name: "swapon", unsafe: true, try: func(w *world) error { return call(unix.SYS_SWAPON, text(w.path("file")), 0) }},
	{name: "swapoff", unsafe: true, try: func(w *world) error { return call(unix.SYS_SWAPOFF, text(w.path("file"))) }},
	{name: "acct", unsafe: true, try: func(w *world) error { return unix.Acct(w.path("file")) }},
	{name: "syslog", free: true, try: func(*world) error {
		_, err := unix.Klogctl(unix.SYSLOG_ACTION_SIZE_BUFFER, nil)
		return err
	}},
	{name: "keyctl", free: true, try: func(*world) error {
		_, err := unix.KeyctlGetKeyringID(unix.KEY_SPEC_PROCESS_KEYRING, true)
		return err
	}},
	{name: "add_key", free: true, try: func(*world) error {
		_, err := unix.AddKey("user", "weir", []byte("x"), unix.KEY_SPEC_PROCESS_KEYRING)
		return err
	}},

	// Rights.
	{name: "setuid 0", free: true, try: func(*world) error { return call(unix.SYS_SETUID, 0) }},
	{name: "setresuid 0", free: true, try: func(*world) error { return call(unix.SYS_SETRESUID, 0, 0, 0) }},
	{name: "setgroups", free: true, try: func(*world) error { return call(unix.SYS_SETGROUPS, 0, 0) }},
	{name: "capset", free: true, try: func(*world) error {
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		data := [2]unix.CapUserData{{Effective: 1, Permitted: 1}}
		return unix.Capset(&header, &data[0])
	}},
	{name: "no_new_privs off", unsafe: true, try: func(*world) error {
		return unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 0, 0,
			0, 0)
	}},
	{name: "secure bits", free: true, try: func(*world) error {
		return unix.Prctl(unix.PR_SET_SECUREBITS, 0, 0, 0,
			0)
	}},
	{name: "ambient capability", unsafe: true, try: func(*world) error {
		return unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE, unix.CAP_NET_RAW, 0, 0)
	}},
	{name: "dumpable", free: true, try: func(*world) error { return unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0) }},
	{name: "seccomp off", unsafe: true, try: func(*world) error { return unix.Prctl(unix.PR_SET_SECCOMP, 0, 0, 0, 0) }},

	// The network, and other ways out.
	{name: "socket packet", free: true, try: func(*world) error { return socket(unix.AF_PACKET, unix.SOCK_RAW, 0) }},
	{name: "socket IPv4 TCP", free: true, try: func(*world) error { return socket(unix.AF_INET, unix.SOCK_STREAM, 0) }},
	{name: "socket IPv6 UDP", free: true, try: func(*world) error { return socket(unix.AF_INET6, unix.SOCK_DGRAM, 0) }},
	{name: "socket IPv4 raw", free: true, try: func(*world) error {
		return socket(unix.AF_INET, unix.SOCK_RAW,
			unix.IPPROTO_RAW)
	}},
	{name: "socket unix", free: true, try: func(*world) error { return socket(unix.AF_UNIX, unix.SOCK_STREAM, 0) }},
	{name: "socket netlink audit", free: true, try: func(*world) error {
		return socket(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_GENERIC)
	}},
	{name: "socketpair", free: true, try: func(*world) error {
		fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err == nil {
			unix.Close(fds[0])
			unix.Close(fds[1])
		}
		return err
	}},
	{name: "connect to an abstract socket", free: true, try: func(w *world) error {
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			fd = w.conn
		} else {
			defer unix.Close(fd)
		}
		return unix.Connect(fd, &unix.SockaddrUnix{Name: w.abs})
	}},
	{name: "bind a port", free: true, try: func(w *world) error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			fd = w.conn
		} else {
			defer unix.Close(fd)
		}
		return unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	}},
	{name: "attach a socket filter", free: true, try: func(w *world) error {
		program := []unix.SockFilter{{Code: unix.BPF_RET, K: 0xffff}}
		return unix.SetsockoptSockFprog(w.conn, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
			&unix.SockFprog{Len: 1, Filter: &program[0]})
	}},
	{name: "TIOCSTI", unsafe: true, try: func(*world) error {
		return call(unix.SYS_IOCTL, 0, unix.TIOCSTI,
			text("x"))
	}},
	{name: "TIOCSTI with a high bit", unsafe: true, try: func(*world) error {
		return call(unix.SYS_IOCTL, 0, unix.TIOCSTI|highBit, text("x"))
	}},
	{name: "owner of a descriptor's signals", free: true, try: func(w *world) error {
		_, err := unix.FcntlInt(uintptr(w.conn), unix.F_SETOWN, w.parent)
		return err
	}},
	{name: "shared memory", free: true, try: func(*world) error {
		id, err := unix.SysvShmGet(unix.IPC_PRIVATE, 4096, 0o600)
		if err == nil {
			_, err = unix.SysvShmCtl(id, unix.IPC_RMID, nil)
		}
		return err
	}},
	{name: "splice", unsafe: true, try: func(w *world) error {
		return call(unix.SYS_SPLICE, uintptr(w.conn), 0,
			uintptr(w.conn), 0, 1, 0)
	}},
	{name: "remap_file_pages", unsafe: true, try: func(*world) error {
		return call(unix.SYS_REMAP_FILE_PAGES, 0, 0, 0,
			0, 0)
	}},
}

// highBit has all bits above those of an int, where registers have any: a filter that compared 64 bits would take the
// value for another command.
const highBit = (^uintptr(0) >> 32) << 32

// result is the outcome of an act.
type result struct {
	Name  string
	Errno unix.Errno // 0 for a success
	Other string     // an error other than an errno
}

// tryAll tries the acts that want selects, each on a thread that it may spoil.
func tryAll(w *world, want func(*act) bool) []result {
	results := []result{}
	for _, a := range acts {
		if !want(&a) {
			continue
		}
		done := make(chan error)
		go func() {
			runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
			done <- a.try(w)
		}()
		r := result{Name: a.name}
		if err := <-done; err != nil && !errors.As(err, &r.Errno) {
			r.Other = err.Error()
		}
		results = append(results, r)
	}
	return results
}

// prepare makes a test's world: a world-writable directory with two such files.
func prepare(dir string) error {
	for _, name := range []string{"/file", "/other"} {
		if err := os.WriteFile(dir+name, []byte("x"), 0o666); err != nil {
			return err
		}
		if err := os.Chmod(dir+name, 0o666); err != nil {
			return err
		}
	}
	return os.Chmod(dir, 0o777)
}
