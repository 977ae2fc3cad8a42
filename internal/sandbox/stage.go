// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// nobody is the kernel's overflow user and group ID, which own nothing.
const nobody = 65534

// exitDrop is the exit status of a first stage that could not drop its rights.
const exitDrop = 125

// inside is the first stage's order in the confined process, nil elsewhere.
var inside *order

// init keeps main on the leading thread, whose name is the process's, until Init is done.
func init() {
	if _, ok := os.LookupEnv(environment); ok {
		runtime.LockOSThread()
	}
}

// Init does nothing in a process that Start did not start. Otherwise it drops every right, executes the program anew,
// and returns in the second run. main has to call it first: before it, the process has its parent's rights.
func Init() {
	text, ok := os.LookupEnv(environment)
	if !ok {
		return
	}
	var o order
	err := json.Unmarshal([]byte(text), &o)
	switch {
	case err != nil:
	case o.Dropped:
		err = enter(o)
	default:
		err = dropAndExec(o)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "weir: sandbox: %v\n", err)
		os.Exit(exitDrop)
	}
}

// Inside reports whether this is the confined process.
func Inside() bool { return inside != nil }

// Conn returns the child's end of the socket pair. Call it once.
func Conn() (*net.UnixConn, error) {
	if inside == nil {
		return nil, errors.New("not started by its helper")
	}
	return unixConn(childFD)
}

// enter begins the second stage.
func enter(o order) error {
	inside = &o
	defer runtime.UnlockOSThread()
	if err := os.Unsetenv(environment); err != nil {
		return err
	}
	for fd := range o.Files + 1 {
		unix.CloseOnExec(childFD + fd)
	}
	// The name that ps shows; it is "exe" after the execution of /proc/self/exe.
	name := []byte(o.Role.name() + "\x00")
	if !o.Role.keepsFiles() {
		if err := dieWithParent(o.Parent); err != nil {
			return err
		}
	}
	_ = unix.Prctl(unix.PR_SET_NAME, uintptr(unsafe.Pointer(&name[0])), 0, 0, 0) // only a name
	// Other processes of the user nobody must not trace this one, and a core dump must not contain packets.
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("set dumpable: %w", err)
	}
	_, _ = time.Now().Zone() // reads the time zone while the process may
	return nil
}

// dropAndExec drops this thread's rights and executes the program anew, which ends all other threads. It returns only
// with an error.
func dropAndExec(o order) error {
	o.note("closing of inherited descriptors", closeOnExec(FirstFile+o.Files))
	rules, err := newRuleset(&o)
	o.note("landlock", err)
	o.note("bounding set", dropBounding())
	if o.Folder != "" {
		if err := os.Chdir(o.Folder); err != nil {
			return err
		}
	}
	switch {
	case !o.Role.keepsFiles():
		o.note("user nobody", dropUser(nobody))
	case o.User != 0: // else its files are its parent's
		if err := dropUser(o.User); err != nil { // its files are that user's
			return fmt.Errorf("become user %d: %w", o.User, err)
		}
	}
	if err := clearCapabilities(); err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("set no_new_privs: %w", err)
	}
	if rules != nil {
		if err := rules.restrict(); err != nil {
			o.note("landlock", err)
		} else {
			o.Landlock = rules.abi
			o.Missing = append(o.Missing, rules.missing()...)
		}
	}

	o.Dropped = true
	text, err := json.Marshal(o)
	if err != nil {
		return err
	}
	env := append(without(nil, environment), environment+"="+string(text))
	// Go reads its control group's CPU limit from files, which the second stage cannot open.
	if _, set := os.LookupEnv("GOMAXPROCS"); !set && runtime.GOMAXPROCS(0) < runtime.NumCPU() {
		env = append(env, "GOMAXPROCS="+strconv.Itoa(runtime.GOMAXPROCS(0)))
	}
	return fmt.Errorf("execute anew: %w", unix.Exec("/proc/self/exe", os.Args, env))
}

// closeOnExec marks all descriptors from first on close-on-exec: the child must not inherit what the program's own
// starter left open.
func closeOnExec(first int) error {
	err := unix.CloseRange(uint(first), math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC)
	if err == nil {
		return nil
	}
	entries, err := os.ReadDir("/proc/self/fd") // before Linux 5.11
	if err != nil {
		return err
	}
	for _, e := range entries {
		if fd, err := strconv.Atoi(e.Name()); err == nil && fd >= first {
			unix.CloseOnExec(fd)
		}
	}
	return nil
}

func (o *order) note(what string, err error) {
	if err != nil {
		o.Missing = append(o.Missing, what+": "+err.Error())
	}
}

// dieWithParent requests SIGKILL at the parent's death again: a change of user clears that, as does execve of a file
// with capabilities (prctl(2)). It checks that the parent has not died meanwhile.
func dieWithParent(parent int) error {
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return fmt.Errorf("set parent death signal: %w", err)
	}
	if unix.Getppid() != parent {
		return errors.New("the helper has ended")
	}
	return nil
}

// CanBecome reports whether a child can have another user: this process is root with the rights for it, and everybody
// may execute its program.
func CanBecome() bool {
	const rights = 1<<unix.CAP_SETUID | 1<<unix.CAP_SETGID
	_, effective, err := capabilities()
	if err != nil || unix.Geteuid() != 0 || effective&rights != rights || checkProgram() != nil {
		return false
	}
	groups, err := os.ReadFile("/proc/self/setgroups") // user_namespaces(7)
	return err != nil || strings.TrimSpace(string(groups)) != "deny"
}

// checkProgram requires that any user may execute the program's file.
func checkProgram() error {
	var stat unix.Stat_t
	if err := unix.Stat("/proc/self/exe", &stat); err != nil {
		return err
	}
	if stat.Mode&0o005 != 0o005 {
		return errors.New("the program's file is not readable and executable for everyone")
	}
	return nil
}

// dropUser changes root's user and groups.
func dropUser(to int) error {
	if unix.Geteuid() != 0 {
		return nil
	}
	if err := checkProgram(); err != nil {
		return err
	}
	if err := unix.Setgroups(nil); err != nil {
		return fmt.Errorf("set groups: %w", err)
	}
	if err := unix.Setresgid(to, to, to); err != nil {
		return fmt.Errorf("set group: %w", err)
	}
	if err := unix.Setresuid(to, to, to); err != nil {
		return fmt.Errorf("set user: %w", err)
	}
	return nil
}

// secureBits are NOROOT, NO_SETUID_FIXUP and NO_CAP_AMBIENT_RAISE with their locks, and the lock of KEEP_CAPS, of
// linux/securebits.h: neither execve as user 0, nor a change of user, nor ambient capabilities can add a right.
const secureBits = 0b11_10_11_11

// dropBounding empties the bounding set and locks the secure bits; both need CAP_SETPCAP.
func dropBounding() error {
	if _, effective, err := capabilities(); err != nil {
		return err
	} else if effective&(1<<unix.CAP_SETPCAP) == 0 {
		return errors.New("not without CAP_SETPCAP")
	}
	keep := fileCapabilities()
	for c := uintptr(0); c < 64; c++ {
		if keep&(1<<c) != 0 {
			continue
		}
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0); errors.Is(err, unix.EINVAL) {
			break // past the kernel's last capability
		} else if err != nil {
			return fmt.Errorf("drop capability %d: %w", c, err)
		}
	}
	if err := unix.Prctl(unix.PR_SET_SECUREBITS, secureBits, 0, 0, 0); err != nil {
		return fmt.Errorf("set secure bits: %w", err)
	}
	if keep != 0 {
		return errors.New("keeps the capabilities of the program's file, which can't be executed otherwise")
	}
	return nil
}

// fileCapabilities returns the permitted capabilities of the program's file with the effective bit (setcap …+ep). Linux
// refuses to execute such a file if the bounding set lacks one of them (security/commoncap.c), even though no_new_privs
// keeps the process from gaining any. The format is struct vfs_cap_data of linux/capability.h.
func fileCapabilities() uint64 {
	var raw [24]byte
	n, err := unix.Getxattr("/proc/self/exe", "security.capability", raw[:])
	if err != nil || n < 12 || raw[0]&1 == 0 {
		return 0
	}
	permitted := uint64(binary.LittleEndian.Uint32(raw[4:]))
	if n >= 20 {
		permitted |= uint64(binary.LittleEndian.Uint32(raw[12:])) << 32
	}
	return permitted
}

// clearCapabilities empties this thread's ambient, permitted, effective and inheritable sets, and verifies that.
func clearCapabilities() error {
	// Before Linux 4.3, without an ambient set, the error is EINVAL.
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil &&
		!errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("clear ambient capabilities: %w", err)
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	if err := unix.Capset(&header, &none[0]); err != nil {
		return fmt.Errorf("clear capabilities: %w", err)
	}
	if all, _, err := capabilities(); err != nil {
		return err
	} else if all != 0 {
		return fmt.Errorf("clear capabilities: %#x remain", all)
	}
	return nil
}

// capabilities returns the union of this thread's permitted, effective and inheritable sets, and the effective set.
func capabilities() (all, effective uint64, err error) {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return 0, 0, fmt.Errorf("read capabilities: %w", err)
	}
	effective = uint64(data[0].Effective) | uint64(data[1].Effective)<<32
	all = effective | uint64(data[0].Permitted|data[0].Inheritable) | uint64(data[1].Permitted|data[1].Inheritable)<<32
	return all, effective, nil
}
