// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// markEnv marks the programs of a lab and their children: the PID and the start time of the process that made the lab,
// and the lab's number.
const markEnv = "WEIR_LAB"

func newMark(lab int64) string {
	return fmt.Sprintf("%d.%s.%d", os.Getpid(), startTime(os.Getpid()), lab)
}

// startTime returns field 22 of proc_pid_stat(5), in clock ticks since boot; "" without such a process.
func startTime(pid int) string {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:])) // from field 3 on
	if len(fields) < 20 {
		return ""
	}
	return fields[19]
}

// killMarked kills programs of labs by their mark. Nothing else finds a program that a lab's program has left in the
// background.
func killMarked(meant func(mark string) bool) {
	files, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, file := range files {
		environ, err := os.ReadFile(file)
		if err != nil {
			continue // another user's, or gone
		}
		_, rest, marked := bytes.Cut(append([]byte{0}, environ...), []byte("\x00"+markEnv+"="))
		if !marked {
			continue
		}
		mark, _, _ := bytes.Cut(rest, []byte{0})
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err != nil || pid == os.Getpid() {
			continue
		}
		if meant(string(mark)) {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
	}
}

// ownerIsGone reports whether a mark's lab has no process left to close it.
func ownerIsGone(mark string) bool {
	parts := strings.Split(mark, ".")
	if len(parts) != 3 {
		return false
	}
	pid, err := strconv.Atoi(parts[0])
	return err == nil && startTime(pid) != parts[1]
}
