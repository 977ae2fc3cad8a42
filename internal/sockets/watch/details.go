// SPDX-License-Identifier: Apache-2.0

package watch

import (
	"bytes"
	"errors"
	"os"
	"path"
	"strconv"
	"strings"

	"github.com/weirnet/weir/gen/bpf"
	"github.com/weirnet/weir/internal/record"
	"github.com/weirnet/weir/internal/sockets"
)

// maxDetails bounds the processes of which details are remembered.
const maxDetails = 4096

// one is a process between two calls of execve, user and cgroup included: what all its sockets share.
type one struct {
	pid, uid uint32
	start    uint64
	comm     string
	cgroup   string
}

// details remembers what was found of processes.
type details map[one]record.Process

// of returns the process of an event. What the kernel noted is there even if the process has ended since.
func (d details) of(e *bpf.ProcessSocketEvent) record.Process {
	key := one{e.Pid, e.Uid, e.Start, text(e.Comm[:]), cgroupOf(e)}
	if p, ok := d[key]; ok {
		return p
	}
	p := record.Process{PID: key.pid, UID: key.uid, Name: key.comm}
	p.Container, p.Unit = sockets.Place(key.cgroup)
	more(&p, key.start)
	if len(d) >= maxDetails {
		clear(d)
	}
	d[key] = p
	return p
}

// maxComm is the longest command name of the kernel's (TASK_COMM_LEN without NUL).
const maxComm = 15

// more adds what /proc has of a process, unless another one has its number by now. start is the time of its start, 0 if
// unknown.
func more(p *record.Process, start uint64) {
	folder := "/proc/" + strconv.Itoa(int(p.PID))
	executable, err := os.Readlink(folder + "/exe")
	if err != nil {
		executable = "" // a kernel thread, or it has ended
	}
	cgroup, err := readSome(folder + "/cgroup")
	if err != nil || !hasStarted(folder, start) { // read last: before it the number could change hands
		return
	}
	p.Executable = strings.TrimSuffix(executable, " (deleted)")
	if base := path.Base(p.Executable); len(p.Name) == maxComm && strings.HasPrefix(base, p.Name) {
		p.Name = base
	}
	container, unit := sockets.PlaceOf(cgroup)
	if p.Container == "" {
		p.Container = container
	}
	if p.Unit == "" {
		p.Unit = unit
	}
}

// maxFile is more than those files of /proc have.
const maxFile = 16 << 10

func readSome(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b := make([]byte, maxFile)
	n, err := f.Read(b)
	if n == 0 {
		return nil, errors.Join(errors.New("empty"), err)
	}
	return b[:n], nil
}

// hasStarted reports whether the process of a folder of /proc began at a time (CLOCK_BOOTTIME, in nanoseconds).
func hasStarted(folder string, start uint64) bool {
	if start == 0 {
		return true
	}
	ticks, ok := startOf(folder)
	const perTick = uint64(1e9 / 100) // USER_HZ is 100 on all machines of weir's
	return ok && ticks == start/perTick
}

// startOf returns when a process began, in ticks (proc_pid_stat(5), field 22).
func startOf(folder string) (ticks uint64, ok bool) {
	stat, err := readSome(folder + "/stat")
	if err != nil {
		return 0, false
	}
	after := stat[bytes.LastIndexByte(stat, ')')+1:] // a command name may have parentheses
	fields := bytes.Fields(after)
	const starttime = 22 - 3 // the first field behind the name is the third
	if len(fields) <= starttime {
		return 0, false
	}
	ticks, err = strconv.ParseUint(string(fields[starttime]), 10, 64)
	return ticks, err == nil
}
