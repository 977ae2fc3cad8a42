// SPDX-License-Identifier: Apache-2.0

package guest

import (
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// takeAway removes rights from this thread, which is about to become another program. Limits are separated by commas:
//
//	-N      the capability with this number, from all sets and for what is executed
//	nobpf   bpf() answers EPERM, as under a container's seccomp filter
func takeAway(limits string) error {
	runtime.LockOSThread()
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var sets [2]unix.CapUserData
	if err := unix.Capget(&header, &sets[0]); err != nil {
		return fmt.Errorf("get the capabilities: %w", err)
	}
	for limit := range strings.SplitSeq(limits, ",") {
		if limit == "nobpf" {
			if err := denyBPF(); err != nil {
				return err
			}
			continue
		}
		number, err := strconv.Atoi(strings.TrimPrefix(limit, "-"))
		if err != nil {
			return fmt.Errorf("no such limit: %s", limit)
		}
		// root's execve does not regain what the bounding set lacks
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, uintptr(number), 0, 0, 0); err != nil {
			return fmt.Errorf("drop capability %d: %w", number, err)
		}
		set, bit := &sets[number/32], uint32(1)<<(number%32)
		set.Effective &^= bit
		set.Permitted &^= bit
		set.Inheritable &^= bit
	}
	if err := unix.Capset(&header, &sets[0]); err != nil {
		return fmt.Errorf("set the capabilities: %w", err)
	}
	return nil
}

func denyBPF() error {
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}, // seccomp_data.nr
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: 0, Jf: 1, K: unix.SYS_BPF},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	// root needs no no_new_privs here; it would hide whether weir sets it itself
	if err := unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&program)), 0,
		0); err != nil {
		return fmt.Errorf("set a seccomp filter: %w", err)
	}
	return nil
}
