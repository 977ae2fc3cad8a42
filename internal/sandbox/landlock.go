// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Access rights by the Landlock ABI version that brought them (Documentation/userspace-api/landlock.rst).
const (
	fsABI1 = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_READ_FILE |
		unix.LANDLOCK_ACCESS_FS_READ_DIR | unix.LANDLOCK_ACCESS_FS_REMOVE_DIR | unix.LANDLOCK_ACCESS_FS_REMOVE_FILE |
		unix.LANDLOCK_ACCESS_FS_MAKE_CHAR | unix.LANDLOCK_ACCESS_FS_MAKE_DIR | unix.LANDLOCK_ACCESS_FS_MAKE_REG |
		unix.LANDLOCK_ACCESS_FS_MAKE_SOCK | unix.LANDLOCK_ACCESS_FS_MAKE_FIFO | unix.LANDLOCK_ACCESS_FS_MAKE_BLOCK |
		unix.LANDLOCK_ACCESS_FS_MAKE_SYM
	netABI4  = unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
	netABI10 = unix.LANDLOCK_ACCESS_NET_BIND_UDP | unix.LANDLOCK_ACCESS_NET_CONNECT_SEND_UDP
	scopes   = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | unix.LANDLOCK_SCOPE_SIGNAL

	readFile = unix.LANDLOCK_ACCESS_FS_READ_FILE
	readDir  = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR
	// what a spool does with its files; below Landlock ABI 3 a file that may be opened for writing may be truncated
	keepFiles = readDir | unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_MAKE_REG |
		unix.LANDLOCK_ACCESS_FS_MAKE_DIR | unix.LANDLOCK_ACCESS_FS_REMOVE_FILE | unix.LANDLOCK_ACCESS_FS_REMOVE_DIR
	runFile = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_EXECUTE
)

// ruleset is the process's future rights, not yet in force.
type ruleset struct {
	fd, abi int
}

// newRuleset allows executing the program itself and its libraries, and reading a few files. It refuses everything else
// that this kernel's Landlock covers: other files, new TCP (and UDP) connections and listeners, signals and abstract
// sockets of other processes. The role Ship also writes files, and makes connections; Export also takes connections.
func newRuleset(o *order) (*ruleset, error) {
	version, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	switch errno {
	case 0:
	case unix.ENOSYS:
		return nil, errors.New("not in this kernel (since Linux 5.13, CONFIG_SECURITY_LANDLOCK)")
	case unix.EOPNOTSUPP:
		return nil, errors.New("not enabled at boot (lsm=)")
	default:
		return nil, fmt.Errorf("read version: %w", errno)
	}
	attr := handled(int(version))
	switch o.Role {
	case Ship:
		attr.Handled_access_net &= unix.LANDLOCK_ACCESS_NET_BIND_TCP
	case Export:
		attr.Handled_access_net = 0
	}
	fd, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr),
		0)
	if errno != 0 {
		return nil, fmt.Errorf("create ruleset: %w", errno)
	}
	r := &ruleset{fd: int(fd), abi: int(version)}
	err := r.allowAll(o.Readable)
	if err == nil && o.Role.keepsFiles() {
		err = r.allowFiles(o.Role, o.Writable)
	}
	if err != nil {
		unix.Close(r.fd)
		return nil, err
	}
	return r, nil
}

// handled returns everything that an ABI version can refuse.
func handled(abi int) unix.LandlockRulesetAttr {
	a := unix.LandlockRulesetAttr{Handled_access_fs: fsABI1}
	for _, later := range []struct {
		abi     int
		fs, net uint64
		scoped  uint64
	}{
		{2, unix.LANDLOCK_ACCESS_FS_REFER, 0, 0},        // Linux 5.19
		{3, unix.LANDLOCK_ACCESS_FS_TRUNCATE, 0, 0},     // Linux 6.2
		{4, 0, netABI4, 0},                              // Linux 6.7
		{5, unix.LANDLOCK_ACCESS_FS_IOCTL_DEV, 0, 0},    // Linux 6.10
		{6, 0, 0, scopes},                               // Linux 6.12
		{9, unix.LANDLOCK_ACCESS_FS_RESOLVE_UNIX, 0, 0}, // after Linux 6.18
		{10, 0, netABI10, 0},                            // after Linux 6.18
	} {
		if abi >= later.abi {
			a.Handled_access_fs |= later.fs
			a.Handled_access_net |= later.net
			a.Scoped |= later.scoped
		}
	}
	return a
}

// missing lists what an older Landlock does not cover.
func (r *ruleset) missing() []string {
	var m []string
	if r.abi < 4 {
		m = append(m, "landlock of TCP: since Linux 6.7")
	}
	if r.abi < 6 {
		m = append(m, "landlock of signals and abstract sockets: since Linux 6.12")
	}
	return m
}

func (r *ruleset) allowAll(readable []string) error {
	if err := r.allow("/proc/self/exe", runFile); err != nil {
		return err
	}
	if dynamic() {
		for _, dir := range []string{"/lib", "/lib32", "/lib64", "/usr/lib", "/usr/lib32", "/usr/lib64",
			"/usr/local/lib"} {
			if err := r.allow(dir, runFile|readDir); err != nil {
				return err
			}
		}
		readable = append(readable, "/etc/ld.so.cache", "/etc/ld.so.preload")
	}
	// The time zone; and the size of huge pages, which Go's memory allocator reads.
	readable = append(readable, "/etc/localtime", "/sys/kernel/mm/transparent_hugepage/hpage_pmd_size")
	if zone := os.Getenv("TZ"); zone != "" {
		if zone[0] == ':' {
			zone = zone[1:]
		}
		if !filepath.IsAbs(zone) {
			zone = filepath.Join("/usr/share/zoneinfo", filepath.Clean("/"+zone))
		}
		readable = append(readable, zone)
	}
	for _, path := range readable {
		if err := r.allow(path, readDir); err != nil {
			return err
		}
	}
	return nil
}

// certificateFiles are those from which Go's certificate pool reads. Distributions differ.
var certificateFiles = []string{"/etc/ssl", "/etc/pki", "/etc/ca-certificates", "/usr/share/ca-certificates",
	"/usr/local/share/ca-certificates", "/usr/share/pki"}

// allowFiles adds what the roles Ship and Export need.
func (r *ruleset) allowFiles(role Role, writable []string) error {
	for _, path := range slices.Concat(nameFiles, certificateFiles) {
		if err := r.allow(path, readDir); err != nil {
			return err
		}
	}
	if err := r.allow("/proc/self/statm", readFile); err != nil { // to open it at the start
		return err
	}
	keep := uint64(keepFiles)
	if r.abi >= 2 {
		keep |= unix.LANDLOCK_ACCESS_FS_REFER // from one of its folders to another
	}
	if r.abi >= 3 {
		keep |= unix.LANDLOCK_ACCESS_FS_TRUNCATE
	}
	if role == Export {
		keep |= unix.LANDLOCK_ACCESS_FS_MAKE_SOCK
	}
	for _, path := range writable {
		if err := r.allow(path, keep); err != nil {
			return err
		}
	}
	return nil
}

// allow grants access to the file, or to everything below the directory, at path, if it exists.
func (r *ruleset) allow(path string, access uint64) error {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
		return nil
	} else if err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	defer unix.Close(fd)
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		return fmt.Errorf("stat %s: %w", path, err)
	}
	if stat.Mode&unix.S_IFMT != unix.S_IFDIR {
		access &^= unix.LANDLOCK_ACCESS_FS_READ_DIR // not a right of a file
	}
	attr := unix.LandlockPathBeneathAttr{Allowed_access: access, Parent_fd: int32(fd)}
	_, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(r.fd), unix.LANDLOCK_RULE_PATH_BENEATH,
		uintptr(unsafe.Pointer(&attr)), 0, 0, 0)
	runtime.KeepAlive(&attr)
	if errno != 0 {
		return fmt.Errorf("allow %s: %w", path, errno)
	}
	return nil
}

// restrict enforces the ruleset for this thread and what it executes.
func (r *ruleset) restrict() error {
	defer unix.Close(r.fd)
	if _, _, errno := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, uintptr(r.fd), 0, 0); errno != 0 {
		return fmt.Errorf("restrict: %w", errno)
	}
	return nil
}

// dynamic reports whether an interpreter, ld.so, loaded the program: the kernel gives the interpreter's base address as
// AT_BASE (getauxval(3)). If that is unknown, dynamic returns true.
func dynamic() bool {
	const atBase = 7
	vector, err := unix.Auxv()
	if err != nil {
		return true
	}
	for _, entry := range vector {
		if entry[0] == atBase {
			return entry[1] != 0
		}
	}
	return false
}
