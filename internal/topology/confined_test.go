// SPDX-License-Identifier: Apache-2.0

package topology

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/testing/lab"
	"github.com/weirnet/weir/internal/testing/lab/wait"
)

const childEnv = "WEIR_TOPOLOGY_CHILD"

// TestMain: the test program runs itself as the confined agent.
func TestMain(m *testing.M) {
	if os.Getenv(childEnv) == "" {
		os.Exit(m.Run())
	}
	if err := confined(); err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
}

// confined opens a Follower, gives up every system call that Run does not need, and prints the events.
func confined() error {
	f, err := newFollower(Sides{}, 0, 1)
	if err != nil {
		return err
	}
	if err := refuse(unix.SYS_SOCKET, unix.SYS_SETSOCKOPT, unix.SYS_BIND, unix.SYS_IOCTL, unix.SYS_OPENAT,
		unix.SYS_SENDTO); err != nil {
		return err
	}
	if _, err := List(); err == nil {
		return fmt.Errorf("a socket can still be opened")
	}
	return f.Run(context.Background(), Handler{
		Link: func(e Event) {
			fmt.Println(e.Kind, e.Link.Name)
			if e.Link.Name == "hold" {
				_, _ = os.Stdin.Read(make([]byte, 1)) // meanwhile the kernel drops messages
			}
		},
		Network: func(n *Network) {
			fmt.Println("WAN", n.WANs())
			if _, err := f.Neighbours(n); err != nil {
				fmt.Println("error", err)
			}
		},
		Failed: func(err error) { fmt.Println("error", err) },
	})
}

// refuse makes system calls fail with EPERM.
func refuse(calls ...uint32) error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	program := []unix.SockFilter{{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}} // seccomp_data.nr
	for i, call := range calls {
		program = append(program, unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: call,
			Jt: uint8(len(calls) - i)})
	}
	program = append(program, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
		unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)})
	filter := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	if _, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC,
		uintptr(unsafe.Pointer(&filter))); errno != 0 {
		return errno
	}
	return nil
}

// TestFollowConfined: a Follower handles changes and losses without any capability, and without the right to open
// sockets.
func TestFollowConfined(t *testing.T) {
	if unsafe.Sizeof(uintptr(0)) == 4 {
		t.Skip("a 32-bit program's socket calls may use socketcall(2), which hides them from the filter")
	}
	newNamespace(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := exec.LookPath("setpriv"); err != nil {
		lab.Lacks(t, "setpriv (util-linux) is not installed")
	}
	c := exec.Command("setpriv", "--bounding-set", "-all", "--inh-caps", "-all", self)
	c.Env = append(os.Environ(), childEnv+"=1")
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	goOn, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Process.Kill(); c.Wait() })
	lines := make(chan string, 1000)
	go func() {
		for s := bufio.NewScanner(out); s.Scan(); {
			lines <- strings.TrimSpace(s.Text())
		}
		close(lines)
	}()
	await := func(want string) {
		t.Helper()
		for {
			line := wait.For(t, want, lines)
			if line == want {
				return
			}
			if line == "" || strings.HasPrefix(line, "error") { // "": the program ended
				t.Fatalf("waiting for %q: %s", want, line)
			}
		}
	}
	await("synced")
	batch := []string{"link add hold type bridge"}
	for i := range 20 {
		batch = append(batch, fmt.Sprintf("link add x%d type veth peer name y%d", i, i))
	}
	ip(t, batch...)
	await("added hold")
	if _, err := goOn.Write([]byte{1}); err != nil {
		t.Fatal(err)
	}
	await("added x19")
	await("resynced")
	ip(t, "link add last type bridge")
	await("added last")
	ip(t, "link set last up", "address add 203.0.113.5/24 dev last", "route add default via 203.0.113.1")
	await("WAN [last]")
}
