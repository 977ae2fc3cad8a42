// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"errors"
	"os"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// IsFull reports whether a pipe takes nothing more: it has no free page.
func IsFull(t testing.TB, pipe syscall.Conn) bool {
	t.Helper()
	raw, err := pipe.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var size, filled int
	var failed error
	err = raw.Control(func(fd uintptr) {
		if size, failed = unix.FcntlInt(fd, unix.F_GETPIPE_SZ, 0); failed == nil {
			filled, failed = unix.IoctlGetInt(int(fd), unix.TIOCINQ)
		}
	})
	if err := errors.Join(err, failed); err != nil {
		t.Fatal(err)
	}
	return filled > size-os.Getpagesize()
}
