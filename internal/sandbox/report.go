// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Report describes this process's confinement. All but Landlock and Missing is read back from the kernel.
type Report struct {
	User, Group  int
	Capabilities uint64 // permitted, effective or inheritable, a bit each; 0 unless something is wrong
	Bounding     uint64 // the bounding set: what an executed program could gain without NoNewPrivs
	NoNewPrivs   bool
	Seccomp      bool
	Landlock     int      // ABI version, 0 for none
	Missing      []string // what is not in force, with reasons
}

// Confine removes the system calls that a running agent does not need. Prepare all else before: from now on the process
// can open no file, execute no program, and make no socket but a netlink routing socket (on 386 not even that); the
// roles Ship and Export open files, and make sockets, Ship for outgoing connections only. Confine applies to all
// threads and is irreversible. An error means that the process is not in the sandbox at all, or has a
// capability; the report lists other shortcomings.
func Confine() (Report, error) {
	if inside == nil {
		return Report{}, errors.New("confine: not started by its helper")
	}
	_, _ = time.Now().Zone() // reads the time zone while the process may
	r := Report{User: unix.Getuid(), Group: unix.Getgid(), Landlock: inside.Landlock, Missing: inside.Missing}
	var err error
	if r.Capabilities, _, err = capabilities(); err != nil {
		return r, fmt.Errorf("confine: %w", err)
	} else if r.Capabilities != 0 {
		return r, fmt.Errorf("confine: process has capabilities %#x", r.Capabilities)
	}
	for c := 0; c < 64; c++ {
		if have, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, uintptr(c), 0, 0, 0); err == nil && have == 1 {
			r.Bounding |= 1 << c
		}
	}
	nnp, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)
	if err != nil {
		return r, fmt.Errorf("confine: read no_new_privs: %w", err)
	} else if nnp != 1 {
		return r, errors.New("confine: process can gain privileges")
	}
	r.NoNewPrivs = true
	if err := installFilter(inside.Role); err != nil {
		r.Missing = append(r.Missing[:len(r.Missing):len(r.Missing)], "seccomp: "+err.Error())
	} else {
		r.Seccomp = true
	}
	return r, nil
}

// String returns the report in one line.
func (r Report) String() string {
	in := []string{fmt.Sprintf("user %d", r.User)}
	if r.Capabilities == 0 {
		in = append(in, "no capabilities")
	}
	if r.Bounding == 0 {
		in = append(in, "empty bounding set")
	}
	if r.NoNewPrivs {
		in = append(in, "no_new_privs")
	}
	if r.Landlock > 0 {
		in = append(in, fmt.Sprintf("landlock ABI %d", r.Landlock))
	}
	if r.Seccomp {
		in = append(in, "seccomp")
	}
	s := strings.Join(in, ", ")
	if len(r.Missing) > 0 {
		s += "; not in force: " + strings.Join(r.Missing, "; ")
	}
	return s
}
