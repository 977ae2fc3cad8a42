// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// Rights describes what this process may do.
type Rights struct {
	User int `json:"user"` // effective user id
	// Capabilities lists the effective ones.
	Capabilities []string `json:"capabilities"`
	// Missing lists the capabilities that weir's best mode needs and that are not effective.
	Missing       []string `json:"missing"`
	UserNamespace bool     `json:"user_namespace"` // not the initial one
	NoNewPrivs    bool     `json:"no_new_privs"`
	Seccomp       bool     `json:"seccomp"` // a filter is already in force
	// SeccompFilter and Landlock are what weir's sandbox uses: whether the kernel has seccomp filters, and the Landlock
	// ABI version, 0 for none.
	SeccompFilter bool   `json:"seccomp_filter"`
	Landlock      int    `json:"landlock"`
	Lockdown      string `json:"lockdown,omitempty"` // none, integrity or confidentiality; "" if unreadable
	MemoryLock    string `json:"memory_lock"`        // RLIMIT_MEMLOCK in bytes, or unlimited

	last int // the highest capability that the kernel knows
}

// capabilityNames lists the names in the order of their numbers (linux/capability.h).
var capabilityNames = strings.Fields(
	`
	CAP_CHOWN CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH CAP_FOWNER CAP_FSETID CAP_KILL CAP_SETGID CAP_SETUID CAP_SETPCAP
	CAP_LINUX_IMMUTABLE CAP_NET_BIND_SERVICE CAP_NET_BROADCAST CAP_NET_ADMIN CAP_NET_RAW CAP_IPC_LOCK CAP_IPC_OWNER
	CAP_SYS_MODULE CAP_SYS_RAWIO CAP_SYS_CHROOT CAP_SYS_PTRACE CAP_SYS_PACCT CAP_SYS_ADMIN CAP_SYS_BOOT CAP_SYS_NICE
	CAP_SYS_RESOURCE CAP_SYS_TIME CAP_SYS_TTY_CONFIG CAP_MKNOD CAP_LEASE CAP_AUDIT_WRITE CAP_AUDIT_CONTROL
	CAP_SETFCAP CAP_MAC_OVERRIDE CAP_MAC_ADMIN CAP_SYSLOG CAP_WAKE_ALARM CAP_BLOCK_SUSPEND CAP_AUDIT_READ CAP_PERFMON
	CAP_BPF CAP_CHECKPOINT_RESTORE`)

func readRights() Rights {
	r := Rights{User: os.Geteuid(), last: lastCapability(), Capabilities: []string{}}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err == nil {
		effective := uint64(data[1].Effective)<<32 | uint64(data[0].Effective)
		for i, name := range capabilityNames {
			if effective&(1<<i) != 0 && i <= r.last {
				r.Capabilities = append(r.Capabilities, name)
			}
		}
	}
	r.Missing = r.lacks(r.wanted())
	r.UserNamespace = inUserNamespace()
	if n, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0); err == nil {
		r.NoNewPrivs = n == 1
	}
	if n, err := unix.PrctlRetInt(unix.PR_GET_SECCOMP, 0, 0, 0, 0); err == nil {
		r.Seccomp = n != 0
	}
	action := uint32(unix.SECCOMP_RET_KILL_PROCESS)
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_GET_ACTION_AVAIL, 0, uintptr(unsafe.Pointer(&action)))
	r.SeccompFilter = errno == 0
	if abi, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0,
		unix.LANDLOCK_CREATE_RULESET_VERSION); errno == 0 {
		r.Landlock = int(abi)
	}
	if text, err := os.ReadFile("/sys/kernel/security/lockdown"); err == nil {
		if _, after, ok := strings.Cut(string(text), "["); ok {
			r.Lockdown, _, _ = strings.Cut(after, "]")
		}
	}
	r.MemoryLock = memoryLockText()
	return r
}

// lastCapability asks the kernel directly, so it needs no /proc.
func lastCapability() int {
	last := 0
	for last < 63 {
		if _, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, uintptr(last+1), 0, 0, 0); err != nil {
			break
		}
		last++
	}
	return last
}

// inUserNamespace: the initial namespace maps every user id to itself.
func inUserNamespace() bool {
	text, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		return false
	}
	fields := strings.Fields(string(text))
	return !slices.Equal(fields, []string{"0", "0", strconv.FormatUint(1<<32-1, 10)})
}

// wanted lists the capabilities with which weir can do everything.
func (r *Rights) wanted() []string {
	if r.last < unix.CAP_BPF { // before the split CAP_SYS_ADMIN covers it
		return []string{"CAP_SYS_ADMIN", "CAP_SYS_RESOURCE", "CAP_NET_ADMIN", "CAP_NET_RAW"}
	}
	return []string{"CAP_BPF", "CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_PERFMON"}
}

// lacks returns those that are not effective. CAP_SYS_ADMIN covers CAP_BPF and CAP_PERFMON, which were split from it.
func (r *Rights) lacks(needs []string) []string {
	missing := []string{}
	admin := slices.Contains(r.Capabilities, "CAP_SYS_ADMIN")
	for _, c := range needs {
		split := c == "CAP_BPF" || c == "CAP_PERFMON"
		if split && r.last < unix.CAP_PERFMON {
			c = "CAP_SYS_ADMIN"
		}
		if !slices.Contains(r.Capabilities, c) && !(split && admin) && !slices.Contains(missing, c) {
			missing = append(missing, c)
		}
	}
	return missing
}

func isErrno(err error, any ...unix.Errno) bool {
	return slices.ContainsFunc(any, func(e unix.Errno) bool { return errors.Is(err, e) })
}

// unsupported reports whether an error means that the kernel does not know the request.
func unsupported(err error) bool {
	return errors.Is(err, ebpf.ErrNotSupported) ||
		isErrno(err, unix.ENOSYS, unix.EAFNOSUPPORT, unix.EPROTONOSUPPORT, unix.ENOPROTOOPT, unix.EOPNOTSUPP)
}

func memoryLockText() string {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_MEMLOCK, &limit); err != nil {
		return err.Error()
	}
	if limit.Cur == unix.RLIM_INFINITY {
		return "unlimited"
	}
	return strconv.FormatUint(limit.Cur, 10)
}
