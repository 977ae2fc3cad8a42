// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/testing/lab/wait"
)

// work is an action that a confined agent needs.
type work struct {
	name string
	do   func(conn *net.UnixConn) error
}

var works = []work{
	{"threads", func(*net.UnixConn) error {
		var started, all sync.WaitGroup
		const threads = 100
		started.Add(threads)
		for range threads {
			all.Go(func() {
				runtime.LockOSThread()
				started.Done()
				started.Wait()
				_ = unix.Nanosleep(&unix.Timespec{Nsec: 1e6}, nil)
			})
		}
		all.Wait()
		return nil
	}},
	{"memory", func(*net.UnixConn) error {
		for range 50 {
			b := make([][]byte, 64)
			for i := range b {
				b[i] = make([]byte, 1<<18)
			}
		}
		debug.FreeOSMemory()
		return nil
	}},
	{"preemption", func(*net.UnixConn) error {
		stop := time.Now().Add(50 * time.Millisecond)
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for n := 0; ; n++ {
					if n&0xfffff == 0 && time.Now().After(stop) {
						return
					}
				}
			})
		}
		runtime.GC()
		all.Wait()
		return nil
	}},
	{"timers", func(*net.UnixConn) error {
		<-time.NewTimer(2 * time.Millisecond).C
		if name, _ := time.Now().Zone(); name == "" {
			return errors.New("no time zone")
		}
		return nil
	}},
	{"clock", func(*net.UnixConn) error {
		_, err := unix.Adjtimex(new(unix.Timex))
		return err
	}},
	{"profile", func(*net.UnixConn) error {
		var b bytes.Buffer
		if err := pprof.StartCPUProfile(&b); err != nil {
			return err
		}
		for stop := time.Now().Add(20 * time.Millisecond); time.Now().Before(stop); { // load for the profile
		}
		pprof.StopCPUProfile()
		return nil
	}},
	{"affinity", func(*net.UnixConn) error {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		var set unix.CPUSet
		if err := unix.SchedGetaffinity(0, &set); err != nil {
			return err
		}
		return unix.SchedSetaffinity(0, &set)
	}},
	{"links by netlink", listLinks},
	{"epoll and pipe", func(*net.UnixConn) error {
		r, w, err := os.Pipe()
		if err != nil {
			return err
		}
		defer r.Close()
		defer w.Close()
		time.AfterFunc(time.Millisecond, func() { _, _ = w.Write([]byte("x")) })
		if err := r.SetReadDeadline(time.Now().Add(wait.Limit)); err != nil {
			return err
		}
		_, err = r.Read(make([]byte, 1))
		return err
	}},
	{"own epoll", func(conn *net.UnixConn) error {
		epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
		if err != nil {
			return err
		}
		defer unix.Close(epoll)
		fd := rawFD(conn)
		if err := unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN,
			Fd: int32(fd)}); err != nil {
			return err
		}
		_, err = unix.EpollWait(epoll, make([]unix.EpollEvent, 1), 1)
		return err
	}},
	{"poll", func(conn *net.UnixConn) error {
		_, err := unix.Poll([]unix.PollFd{{Fd: int32(rawFD(conn)), Events: unix.POLLIN}}, 1)
		return err
	}},
	{"eventfd", func(*net.UnixConn) error { return opened(unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)) }},
	{"a sealed memfd", func(*net.UnixConn) error {
		for _, flags := range []int{unix.MFD_CLOEXEC | unix.MFD_NOEXEC_SEAL,
			unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING} {
			fd, err := unix.MemfdCreate("report", flags)
			if errors.Is(err, unix.EINVAL) { // MFD_NOEXEC_SEAL before Linux 6.3
				continue
			}
			if err != nil {
				return err
			}
			defer unix.Close(fd)
			if _, err := unix.Write(fd, []byte("report")); err != nil {
				return err
			}
			if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_WRITE); err != nil {
				return fmt.Errorf("seal: %w", err)
			}
		}
		return nil
	}},
	{"terminal", func(*net.UnixConn) error {
		// Whatever stdin is, the kernel answers.
		for _, request := range []uint{unix.TCGETS, unix.TIOCGWINSZ} {
			if _, err := unix.IoctlGetInt(0, request); errors.Is(err, unix.EPERM) {
				return fmt.Errorf("ioctl %#x: %w", request, err)
			}
		}
		return nil
	}},
	{"socket options", func(conn *net.UnixConn) error {
		if _, err := unix.GetsockoptInt(rawFD(conn), unix.SOL_SOCKET, unix.SO_TYPE); err != nil {
			return err
		}
		_, err := unix.GetsockoptInt(rawFD(conn), unix.SOL_PACKET, unix.PACKET_STATISTICS)
		if errors.Is(err, unix.EPERM) {
			return err
		}
		return nil
	}},
	{"signals", func(*net.UnixConn) error {
		signals := make(chan os.Signal, 1)
		signal.Notify(signals, unix.SIGWINCH)
		if err := unix.Tgkill(unix.Getpid(), unix.Getpid(), unix.SIGWINCH); err != nil {
			return err
		}
		if _, came := wait.Next(signals, wait.Limit); !came {
			return errors.New("no signal")
		}
		return nil
	}},
	{"output", func(*net.UnixConn) error {
		if _, err := os.Stdout.Write(nil); err != nil {
			return err
		}
		_, err := unix.Fstat(1, &unix.Stat_t{}), error(nil)
		return err
	}},
	{"mapped memory", func(*net.UnixConn) error {
		b, err := unix.Mmap(-1, 0, 1<<16, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_SHARED)
		if err != nil {
			return err
		}
		b[0] = 1
		if err := unix.Mprotect(b, unix.PROT_READ); err != nil {
			return err
		}
		return unix.Munmap(b)
	}},
	{"random", func(*net.UnixConn) error {
		_, err := unix.Getrandom(make([]byte, 8), 0)
		return err
	}},
}

// listLinks makes a netlink routing socket after Confine, as a resynchronization does, and dumps all links.
func listLinks(*net.UnixConn) error {
	if runtime.GOARCH == "386" {
		return nil // there the process makes its sockets before Confine
	}
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	defer unix.Close(fd)
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: unix.RTMGRP_LINK}); err != nil {
		return fmt.Errorf("bind: %w", err)
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 1<<16); err != nil {
		return fmt.Errorf("set receive buffer: %w", err)
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_ADD_MEMBERSHIP, unix.RTNLGRP_LINK); err != nil {
		return fmt.Errorf("join group: %w", err)
	}
	// struct nlmsghdr with RTM_GETLINK, NLM_F_REQUEST|NLM_F_DUMP, and an empty struct ifinfomsg
	request := make([]byte, 32)
	request[0], request[4], request[6], request[7] = 32, unix.RTM_GETLINK, 1, 3
	if err := unix.Sendto(fd, request, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	n, _, err := unix.Recvfrom(fd, make([]byte, 1<<16), 0)
	if err != nil || n < 100 {
		return fmt.Errorf("receive %d bytes: %w", n, err)
	}
	return nil
}

func workAll(conn *net.UnixConn) (results []result) {
	for _, w := range works {
		r := result{Name: w.name}
		if err := w.do(conn); err != nil {
			r.Other = err.Error()
		}
		results = append(results, r)
	}
	return results
}

// terminalWork makes stdin raw and restores it.
func terminalWork() []result {
	r := result{Name: "terminal"}
	err := func() error {
		state, err := unix.IoctlGetTermios(0, unix.TCGETS)
		if err != nil {
			return fmt.Errorf("get state: %w", err)
		}
		raw := *state
		raw.Lflag &^= unix.ECHO | unix.ICANON
		for _, request := range []uint{unix.TCSETS, unix.TCSETSW, unix.TCSETSF} {
			if err := unix.IoctlSetTermios(0, request, &raw); err != nil {
				return fmt.Errorf("set state: %w", err)
			}
		}
		if _, err := unix.IoctlGetWinsize(0, unix.TIOCGWINSZ); err != nil {
			return fmt.Errorf("get size: %w", err)
		}
		if err := call(unix.SYS_IOCTL, 0, unix.TIOCSTI, text("x")); !errors.Is(err, unix.EPERM) {
			return fmt.Errorf("TIOCSTI: %w", err)
		}
		return unix.IoctlSetTermios(0, unix.TCSETS, state)
	}()
	if err != nil {
		r.Other = err.Error()
	}
	return []result{r}
}
