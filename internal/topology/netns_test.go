// SPDX-License-Identifier: Apache-2.0

package topology

import (
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/testing/lab"
)

// newNamespace moves the test into a new network namespace, and returns its descriptor. The thread ends with the test's
// goroutine, and the namespace with the thread.
func newNamespace(t *testing.T) int {
	t.Helper()
	if _, err := exec.LookPath("ip"); err != nil {
		lab.Lacks(t, "ip (iproute2) is not installed")
	}
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		lab.Lacks(t, "a network namespace needs root: "+err.Error())
	}
	fd, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

// ip runs a batch of ip commands, one per line, in the test's namespace.
func ip(t *testing.T, lines ...string) {
	t.Helper()
	c := exec.Command("ip", "-batch", "-")
	c.Stdin = strings.NewReader(strings.Join(lines, "\n"))
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("ip: %v\n%s", err, out)
	}
}
