// SPDX-License-Identifier: Apache-2.0

package confined

import (
	"bytes"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/agent"
)

// Process is what a process of the agent has used. Zero values are unknown.
type Process struct {
	Name                   string        // one of agent.Processes
	UserTime, SystemTime   time.Duration // of all CPUs
	Resident, PeakResident uint64        // memory in bytes
}

// usage measures the agent's processes by files that the helper opened (proc_pid_stat(5)).
type usage struct {
	files map[string]*os.File // by the process's name; a missing one is of an unknown process
}

// newUsage takes over the files' descriptors.
func newUsage(named map[string]int) *usage {
	u := &usage{files: map[string]*os.File{}}
	for _, name := range agent.Processes {
		if fd, ok := named[agent.DescriptorStat(name)]; ok {
			u.files[name] = os.NewFile(uintptr(fd), name)
		}
	}
	return u
}

// read measures the processes. This process is always among them, and knows its own times exactly.
func (u *usage) read() (all []Process) {
	for _, name := range agent.Processes {
		p, ok := parseStat(u.stat(name))
		p.Name = name
		var r unix.Rusage
		if name == agent.ProcessAgent && unix.Getrusage(unix.RUSAGE_SELF, &r) == nil {
			p.UserTime, p.SystemTime = time.Duration(r.Utime.Nano()), time.Duration(r.Stime.Nano())
			p.PeakResident, ok = uint64(r.Maxrss)<<10, true
		}
		if ok {
			all = append(all, p)
		}
	}
	return all
}

// stat reads a process's file; nil if it can't.
func (u *usage) stat(name string) []byte {
	file := u.files[name]
	if file == nil {
		return nil
	}
	text := make([]byte, 1024)
	n, _ := file.ReadAt(text, 0) // with io.EOF, as the file is shorter
	return text[:n]
}

// tick is the unit of a process's times: USER_HZ is 100 on every architecture.
const tick = time.Second / 100

// parseStat reads proc_pid_stat(5). The process's name, which may hold anything, ends with the last parenthesis.
func parseStat(text []byte) (p Process, ok bool) {
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	const state, user, system, resident = 3, 14, 15, 24 // the fields' numbers in the manual
	if len(fields) <= resident-state {
		return p, false
	}
	field := func(n int) uint64 {
		v, _ := strconv.ParseUint(string(fields[n-state]), 10, 48)
		return v
	}
	return Process{UserTime: time.Duration(field(user)) * tick, SystemTime: time.Duration(field(system)) * tick,
		Resident: field(resident) * uint64(os.Getpagesize())}, true
}
