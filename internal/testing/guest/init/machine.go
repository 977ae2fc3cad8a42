// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// mounts lists the file systems that programs expect of a running Linux, in mount order. init skips those that the
// kernel lacks.
var mounts = []struct{ fstype, at string }{
	{"devtmpfs", "/dev"},
	{"devpts", "/dev/pts"},
	{"proc", "/proc"},
	{"sysfs", "/sys"},
	{"tmpfs", "/run"},
	{"tmpfs", "/tmp"},
	{"bpf", "/sys/fs/bpf"},
	{"cgroup2", "/sys/fs/cgroup"},
	{"securityfs", "/sys/kernel/security"},
	{"tracefs", "/sys/kernel/tracing"},
}

func mountAll() error {
	var all error
	for _, m := range mounts {
		if err := os.MkdirAll(m.at, 0o755); err != nil {
			all = errors.Join(all, err)
			continue
		}
		err := unix.Mount(m.fstype, m.at, m.fstype, 0, "")
		if err != nil && !errors.Is(err, unix.ENODEV) && !errors.Is(err, unix.EBUSY) {
			all = errors.Join(all, fmt.Errorf("mount %s at %s: %w", m.fstype, m.at, err))
		}
	}
	// devtmpfs has devices only; elsewhere udev makes the links.
	_ = os.Symlink("/proc/self/fd", "/dev/fd")
	_ = os.Symlink("pts/ptmx", "/dev/ptmx")
	_ = os.Chmod("/dev/pts/ptmx", 0o666)
	return all
}

// loadModules loads the listed modules. One that is already there, built in or loaded, is no error.
func loadModules() error {
	list, err := os.ReadFile(modulesFile)
	if err != nil {
		return fmt.Errorf("read the list of modules: %w", err)
	}
	var all error
	for _, path := range strings.Fields(string(list)) {
		if err := loadModule(path); err != nil && !errors.Is(err, unix.EEXIST) {
			all = errors.Join(all, fmt.Errorf("load %s: %w", path, err))
		}
	}
	return all
}

func loadModule(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return unix.FinitModule(int(f.Fd()), "", 0)
}

// loopbackUp sets lo up: in a new namespace it is down, and nothing can talk to itself.
func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("make a socket: %w", err)
	}
	defer unix.Close(fd)
	req, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	req.SetUint16(unix.IFF_UP)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, req); err != nil {
		return fmt.Errorf("set lo up: %w", err)
	}
	return nil
}

func release() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return err.Error()
	}
	return unix.ByteSliceToString(u.Release[:])
}

// uptime returns how long the kernel has run, in seconds.
func uptime() float64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		return 0
	}
	return float64(t.Nano()) / 1e9
}
