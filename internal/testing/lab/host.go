// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/testing/lab/wait"
)

// runLimit bounds a program whose context has no deadline.
const runLimit = 2 * time.Minute

// Host is a network namespace. A thread of this process lives in it, so that the namespace and, by their parent-death
// signal, the programs in it end with this process, however it ends.
type Host struct {
	Name string
	// Addr4 and Addr6 are the host's addresses on its (first) segment; the gateway's are those of lan0.
	Addr4, Addr6 netip.Addr

	net, mount *os.File // the namespaces; mount is nil if the kernel refused one
	mark       string   // of the programs
	calls      chan func()
	quit       chan struct{} // closed to end the thread
	gone       chan struct{} // closed when the thread has ended

	mu        sync.Mutex
	processes map[*Process]struct{}
}

// newHost makes a namespace with lo up and its own /sys. It returns errors of unshare(2): EPERM without CAP_SYS_ADMIN.
func newHost(name, mark string) (*Host, error) {
	h := &Host{Name: name, mark: mark, calls: make(chan func()), quit: make(chan struct{}),
		gone: make(chan struct{}), processes: map[*Process]struct{}{}}
	started := make(chan error, 1)
	onThread(func() {
		defer close(h.gone)
		err := h.enterNew()
		started <- err
		if err != nil {
			return
		}
		for {
			select {
			case f := <-h.calls:
				f()
			case <-h.quit:
				return
			}
		}
	})
	if err := <-started; err != nil {
		return nil, fmt.Errorf("make network namespace %s: %w", name, err)
	}
	return h, nil
}

func (h *Host) enterNew() (err error) {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return err
	}
	if h.net, err = os.Open("/proc/thread-self/ns/net"); err != nil {
		return err
	}
	// The rest is for programs that read /sys/class/net; without it they see this machine's own links.
	if ownSys() == nil {
		h.mount, err = os.Open("/proc/thread-self/ns/mnt")
	}
	return err
}

// ownSys moves the thread to a mount namespace where /sys belongs to its network namespace; control groups stay
// unchanged.
func ownSys() error {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return err
	}
	if err := unix.Mount("", "/", "", unix.MS_SLAVE|unix.MS_REC, ""); err != nil {
		return err
	}
	groups, err := unix.OpenTree(unix.AT_FDCWD, "/sys/fs/cgroup",
		unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE)
	if err == nil {
		defer unix.Close(groups)
	}
	if err := unix.Mount("sysfs", "/sys", "sysfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return err
	}
	if err == nil {
		_ = unix.MoveMount(groups, "", unix.AT_FDCWD, "/sys/fs/cgroup", unix.MOVE_MOUNT_F_EMPTY_PATH)
	}
	return nil
}

// onThread runs f on a thread of its own that ends with f. It avoids the main thread, which would not end, and which
// /proc/self shows.
func onThread(f func()) {
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() != unix.Getpid() {
			f() // stays locked: the thread has changed, and ends
			return
		}
		placed := make(chan struct{})
		go func() { // on another thread, since this one is the main one
			runtime.LockOSThread()
			close(placed)
			f()
		}()
		<-placed
		runtime.UnlockOSThread()
	}()
}

// Do runs f in the namespace, on a thread of its own, and returns its error. Goroutines that f starts are outside;
// sockets that it opens stay inside, whoever uses them later. Do passes a panic of f on to the caller.
func (h *Host) Do(f func() error) error {
	type result struct {
		err      error
		panicked any
	}
	done := make(chan result, 1)
	onThread(func() {
		r := result{err: fmt.Errorf("%s: the function left by runtime.Goexit (t.Fatal belongs outside of Do)", h.Name)}
		defer func() { done <- r }()
		defer func() {
			if p := recover(); p != nil {
				r = result{panicked: p}
			}
		}()
		if err := h.enter(); err != nil {
			r.err = fmt.Errorf("enter %s: %w", h.Name, err)
			return
		}
		r.err = f()
	})
	r := <-done
	if r.panicked != nil {
		panic(r.panicked)
	}
	return r.err
}

func (h *Host) enter() error {
	if err := unix.Setns(int(h.net.Fd()), unix.CLONE_NEWNET); err != nil {
		return err
	}
	if h.mount == nil {
		return nil
	}
	if err := unix.Unshare(unix.CLONE_FS); err != nil { // setns(2) requires this first
		return err
	}
	return unix.Setns(int(h.mount.Fd()), unix.CLONE_NEWNS)
}

// Path returns a path of the network namespace for other programs, as for nsenter --net=; it is valid while the lab
// exists.
func (h *Host) Path() string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), h.net.Fd()) }

// Link returns an interface of the host.
func (h *Host) Link(name string) (link net.Interface, err error) {
	err = h.Do(func() error {
		l, err := net.InterfaceByName(name)
		if err != nil {
			return fmt.Errorf("%s: link %s: %w", h.Name, name, err)
		}
		link = *l
		return nil
	})
	return link, err
}

// Counters are an interface's own.
type Counters struct {
	RxPackets, RxBytes, RxDropped uint64
	TxPackets, TxBytes, TxDropped uint64
}

// Counters reads an interface's counters. A segment that the kernel has not split yet (GSO) counts as one packet.
func (h *Host) Counters(link string) (c Counters, err error) {
	err = h.Do(func() error {
		text, err := os.ReadFile("/proc/thread-self/net/dev")
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(text)) {
			name, rest, _ := strings.Cut(line, ":")
			if strings.TrimSpace(name) != link {
				continue
			}
			fields := strings.Fields(rest) // proc_pid_net(5): eight of reception, eight of transmission
			if len(fields) < 16 {
				return fmt.Errorf("/proc/net/dev: %d fields", len(fields))
			}
			for i, to := range map[int]*uint64{0: &c.RxBytes, 1: &c.RxPackets, 3: &c.RxDropped, 8: &c.TxBytes,
				9: &c.TxPackets, 11: &c.TxDropped} {
				if *to, err = strconv.ParseUint(fields[i], 10, 64); err != nil {
					return fmt.Errorf("/proc/net/dev: %w", err)
				}
			}
			return nil
		}
		return fmt.Errorf("%s has no link %s", h.Name, link)
	})
	return c, err
}

// AddAddress adds an address to an interface.
func (h *Host) AddAddress(link string, address netip.Prefix) error {
	option := ""
	if address.Addr().Is6() {
		option = " nodad"
	}
	return h.ip("address add " + address.String() + " dev " + link + option)
}

// ip runs lines of ip(8).
func (h *Host) ip(lines ...string) error {
	cmd := exec.Command("ip", "-batch", "-")
	cmd.Stdin = strings.NewReader(strings.Join(lines, "\n") + "\n")
	return h.quick(cmd)
}

// quick runs a configuration program.
func (h *Host) quick(cmd *exec.Cmd) error {
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	p, err := h.Start(cmd)
	if err != nil {
		return err
	}
	if err := p.wait(10 * time.Second); err != nil {
		return fmt.Errorf("%s: %s: %w: %s", h.Name, strings.Join(cmd.Args, " "), err, bytes.TrimSpace(output.Bytes()))
	}
	return nil
}

// Run runs a program to its end and returns its output, errors included. The end of ctx or of the lab, or two minutes,
// kill it with its process group.
func (h *Host) Run(ctx context.Context, name string, arguments ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, runLimit)
	defer cancel()
	var output bytes.Buffer
	cmd := exec.CommandContext(ctx, name, arguments...)
	cmd.Stdout, cmd.Stderr = &output, &output
	p, err := h.Start(cmd)
	if err != nil {
		return "", err
	}
	if err = p.Wait(); err != nil {
		err = fmt.Errorf("%s: %s: %w", h.Name, strings.Join(cmd.Args, " "), err)
	}
	return output.String(), err
}

// Process is a program that runs inside a host.
type Process struct {
	*exec.Cmd
	host *Host
	done chan struct{}
	err  error
}

// Start starts a program in the namespace. It gets its own process group, which Stop and the end of the lab kill, as
// does cancelling cmd's context.
func (h *Host) Start(cmd *exec.Cmd) (*Process, error) {
	p := &Process{Cmd: cmd, host: h, done: make(chan struct{})}
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	cmd.SysProcAttr.Setpgid = true
	if cmd.Cancel != nil {
		cmd.Cancel = func() error { return p.kill() }
	}
	if cmd.WaitDelay == 0 {
		cmd.WaitDelay = 2 * time.Second // does not wait for a daemon that keeps the output open
	}
	cmd.Env = append(cmd.Environ(), markEnv+"="+h.mark)
	started := make(chan error, 1)
	select {
	case h.calls <- func() { started <- cmd.Start() }:
	case <-h.gone:
		return nil, fmt.Errorf("%s: start %s: the lab is closed", h.Name, cmd.Path)
	}
	if err := <-started; err != nil {
		return nil, fmt.Errorf("%s: start: %w", h.Name, err)
	}
	h.mu.Lock()
	h.processes[p] = struct{}{}
	h.mu.Unlock()
	go func() {
		p.err = cmd.Wait()
		h.mu.Lock()
		delete(h.processes, p)
		h.mu.Unlock()
		close(p.done)
	}()
	return p, nil
}

// kill kills the whole process group, which may already be gone.
func (p *Process) kill() error {
	err := unix.Kill(-p.Process.Pid, unix.SIGKILL)
	if errors.Is(err, unix.ESRCH) {
		return os.ErrProcessDone
	}
	return err
}

// Done is closed when the program has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Wait waits for the program's end and returns the error of exec.Cmd.Wait. It may be called several times.
func (p *Process) Wait() error {
	<-p.done
	return p.err
}

// wait is Wait with a time limit, after which it kills the program.
func (p *Process) wait(limit time.Duration) error {
	if _, ended := wait.Next(p.done, limit); !ended {
		_ = p.kill()
		<-p.done
		return fmt.Errorf("not done after %v: %w", limit, context.DeadlineExceeded)
	}
	return p.err
}

// Stop sends SIGTERM to the program, kills it after grace, and returns the error of Wait.
func (p *Process) Stop(grace time.Duration) error {
	_ = p.Process.Signal(unix.SIGTERM)
	err := p.wait(grace)
	_ = p.kill() // the rest of its group
	return err
}

// close ends the host's programs and its thread, and with that the namespace.
func (h *Host) close() {
	h.mu.Lock()
	processes := make([]*Process, 0, len(h.processes))
	for p := range h.processes {
		processes = append(processes, p)
	}
	h.mu.Unlock()
	for _, p := range processes {
		_ = p.kill()
	}
	for _, p := range processes {
		_ = p.wait(5 * time.Second)
	}
	close(h.quit)
	<-h.gone
	h.net.Close()
	if h.mount != nil {
		h.mount.Close()
	}
}
