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

// markEnv marks the programs of a lab, and what these start: the number and the start time of the process that made the
// lab, and which of its labs it is.
const markEnv = "WEIR_LAB"

func newMark(lab int64) string {
	return fmt.Sprintf("%d.%s.%d", os.Getpid(), startTime(os.Getpid()), lab)
}

// startTime is field 22 of proc_pid_stat(5), in clock ticks since boot; empty where there is no such process.
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

// killMarked kills programs of labs by their mark. A program that a lab's program has left in the background is found
// by nothing else.
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

// ownerIsGone tells of a mark whose lab nobody can close any more.
func ownerIsGone(mark string) bool {
	parts := strings.Split(mark, ".")
	if len(parts) != 3 {
		return false
	}
	pid, err := strconv.Atoi(parts[0])
	return err == nil && startTime(pid) != parts[1]
}
