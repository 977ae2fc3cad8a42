// SPDX-License-Identifier: Apache-2.0

// Package handover passes named descriptors to the program that takes this one's place: Exec executes it in the same
// process, with the descriptors open, and Inherited is what it calls first.
//
// The variable WEIR_HANDOVER of the environment has the process ID, and for each descriptor its name and number. The
// numbers are not in a row from 3 on as those of sd_listen_fds(3): Go's runtime has descriptors of its own there, until
// the exec.
package handover

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// What the process began with, before anybody changes the environment.
var (
	program, programErr = os.Executable()
	environment         = os.Environ()
)

// early has what asks the successor to end. It is taken as soon as the program begins: before that a SIGTERM ends the
// program at once, as Go's runtime lets no program block or ignore it.
var early = takeEarly()

func takeEarly() chan os.Signal {
	if pid, _, _ := strings.Cut(os.Getenv(variable), ","); pid != strconv.Itoa(os.Getpid()) {
		return nil
	}
	c := make(chan os.Signal, 4)
	signal.Notify(c, unix.SIGTERM, unix.SIGINT)
	return c
}

const (
	variable = "WEIR_HANDOVER"
	stop     = "stop" // a name without a descriptor: the successor has to end at once
)

// Set holds named descriptors. The zero value is empty.
type Set struct {
	Names []string
	FDs   []int
	// Stop: a request to end came when it was too late to end in an orderly way. The successor has to.
	Stop bool
	// Early, of Inherited, has the signals since the program's begin that ask it to end; nil: nothing was handed over.
	Early chan os.Signal
}

// Add adds a duplicate of a descriptor. A name has letters, digits, ".", "-" and "_".
func (s *Set) Add(name string, fd int) error {
	const above = 64 // out of the way of what the runtime opens
	own, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, above)
	if err != nil {
		return fmt.Errorf("hand over %s: %w", name, err)
	}
	s.Names, s.FDs = append(s.Names, name), append(s.FDs, own)
	return nil
}

// Take returns the descriptor of a name, and removes it from the set; -1 without it.
func (s *Set) Take(name string) int {
	for i, n := range s.Names {
		if n == name {
			fd := s.FDs[i]
			s.Names, s.FDs = append(s.Names[:i:i], s.Names[i+1:]...), append(s.FDs[:i:i], s.FDs[i+1:]...)
			return fd
		}
	}
	return -1
}

// Close closes all descriptors.
func (s *Set) Close() {
	for _, fd := range s.FDs {
		_ = unix.Close(fd)
	}
	s.Names, s.FDs = nil, nil
}

// Inherited returns what the program before this one handed over, and removes it from the environment: no child gets
// it.
func Inherited() *Set {
	s := &Set{Early: early}
	s.parse(os.Getenv(variable), os.Getpid())
	_ = os.Unsetenv(variable)
	for i := 0; i < len(s.FDs); i++ {
		if _, err := unix.FcntlInt(uintptr(s.FDs[i]), unix.F_SETFD, unix.FD_CLOEXEC); err != nil { // there is none
			s.Names, s.FDs = append(s.Names[:i:i], s.Names[i+1:]...), append(s.FDs[:i:i], s.FDs[i+1:]...)
			i--
		}
	}
	return s
}

// parse reads Exec's variable. A text for another process, or one that is broken, names nothing.
func (s *Set) parse(text string, pid int) {
	parts := strings.Split(text, ",")
	if parts[0] != strconv.Itoa(pid) {
		return
	}
	for _, part := range parts[1:] {
		name, number, hasFD := strings.Cut(part, "=")
		if !hasFD {
			s.Stop = s.Stop || name == stop
			continue
		}
		if fd, err := strconv.ParseUint(number, 10, 31); err == nil && int(fd) > unix.Stderr {
			s.Names, s.FDs = append(s.Names, name), append(s.FDs, int(fd))
		}
	}
}

// append appends the variable.
func (s *Set) append(b []byte, pid int) []byte {
	b = append(append(b, variable...), '=')
	b = strconv.AppendInt(b, int64(pid), 10)
	for i, name := range s.Names {
		b = append(append(append(b, ','), name...), '=')
		b = strconv.AppendInt(b, int64(s.FDs[i]), 10)
	}
	if s.Stop {
		b = append(append(b, ','), stop...)
	}
	return b
}

// Program returns the path by which Exec finds the program: that of the start, where an upgrade may have put a newer
// one.
func Program() (string, error) { return program, programErr }

// Exec replaces the process by its program as it is now, with the arguments and the environment of the start. If that
// program can't be executed, it is the running one again. isLate is asked last whether the successor has to end. What
// asks for that later, until the successor takes signals, is lost or ends it at once. Exec only returns with an error.
func (s *Set) Exec(isLate func() bool) error {
	for _, fd := range s.FDs {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, 0); err != nil {
			return fmt.Errorf("hand over: %w", err)
		}
	}
	var env []string
	for _, e := range environment {
		if !strings.HasPrefix(e, variable+"=") {
			env = append(env, e)
		}
	}
	signal.Ignore(unix.SIGUSR2) // another restart: it would kill a program that does not take it yet
	s.Stop = s.Stop || isLate()
	env = append(env, string(s.append(nil, os.Getpid())))
	err := programErr
	if err == nil {
		err = unix.Exec(program, os.Args, env)
	}
	return errors.Join(err, unix.Exec("/proc/self/exe", os.Args, env))
}
