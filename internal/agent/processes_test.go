// SPDX-License-Identifier: Apache-2.0

package agent_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/weirnet/weir/internal/testing/lab"
	"github.com/weirnet/weir/internal/testing/lab/wait"
)

// roleEnv makes this program play a process whose flows weir sees; its arguments are a network and an address.
const roleEnv = "WEIR_TEST_ROLE"

// Roles.
const (
	roleClient = "client" // exchanges a message, and ends
	roleOnce   = "once"   // sends a datagram or tries to connect, and ends at once
	roleServer = "server" // answers until its input ends
	roleParent = "parent" // listens, and has a child answer
	roleChild  = "child"
)

// play plays a role, and returns the status of its end.
func play(role string) int {
	if err := act(role, os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, role, err)
		return 1
	}
	return 0
}

func act(role, network, address string) error {
	switch role {
	case roleClient, roleOnce:
		c, err := net.DialTimeout(network, address, 30*time.Second)
		if err != nil {
			if role == roleOnce && errors.Is(err, syscall.ECONNREFUSED) {
				return nil
			}
			return err
		}
		defer c.Close()
		if role == roleOnce {
			_, err = c.Write([]byte("once"))
			return err
		}
		return exchange(c)
	case roleParent:
		l, err := net.Listen(network, address)
		if err != nil {
			return err
		}
		f, err := l.(*net.TCPListener).File()
		if err != nil {
			return err
		}
		child := exec.Command(filepath.Join(filepath.Dir(os.Args[0]), "forked"), network, address)
		child.Env = append(os.Environ(), roleEnv+"="+roleChild)
		child.ExtraFiles, child.Stdin, child.Stdout, child.Stderr = []*os.File{f}, os.Stdin, os.Stdout, os.Stderr
		return child.Run()
	case roleServer, roleChild:
		stop, err := answerAt(role, network, address)
		if err != nil {
			return err
		}
		fmt.Println("ready")
		_, _ = io.Copy(io.Discard, os.Stdin)
		return stop()
	}
	return fmt.Errorf("unknown role %q", role)
}

// exchange sends a message and awaits it.
func exchange(c net.Conn) error {
	b := make([]byte, 16)
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	if _, err := c.Write([]byte("hello")); err != nil {
		return err
	}
	_, err := c.Read(b)
	return err
}

// answerAt sends back what comes.
func answerAt(role, network, address string) (stop func() error, err error) {
	if strings.HasPrefix(network, "udp") {
		c, err := net.ListenPacket(network, address)
		if err != nil {
			return nil, err
		}
		go func() {
			b := make([]byte, 64)
			for {
				n, from, err := c.ReadFrom(b)
				if err != nil {
					return
				}
				_, _ = c.WriteTo(b[:n], from)
			}
		}()
		return c.Close, nil
	}
	var l net.Listener
	if role == roleChild {
		l, err = net.FileListener(os.NewFile(3, "listener"))
	} else {
		l, err = net.Listen(network, address)
	}
	if err != nil {
		return nil, err
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = io.Copy(c, c)
			}()
		}
	}()
	return l.Close, nil
}

// stage starts processes under names of their own.
type stage struct {
	t      *testing.T
	folder string
}

func newStage(t *testing.T) *stage {
	t.Helper()
	s := &stage{t, t.TempDir()}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"tcpclient", "tcprefused", "udpclient", "udponce", "tcpserver", "udpserver", "before",
		"forking", "forked", "contained", "faraway"} {
		if err := os.Symlink(self, filepath.Join(s.folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func (s *stage) command(name, role, network, address string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.folder, name), network, address)
	cmd.Env = append(os.Environ(), roleEnv+"="+role)
	return cmd
}

// run plays a role to its end on a host; cgroup is a descriptor, 0 for the test's own.
func (s *stage) run(h *lab.Host, cgroup int, name, role, network, address string) {
	s.t.Helper()
	cmd := s.command(name, role, network, address)
	var said strings.Builder
	cmd.Stderr = &said
	if cgroup != 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: cgroup}
	}
	p, err := h.Start(cmd)
	if err == nil {
		err = p.Wait()
	}
	if err != nil {
		s.t.Fatalf("%s: %v: %s", name, err, said.String())
	}
}

// serve plays a server until the test ends.
func (s *stage) serve(h *lab.Host, name, role, network, address string) {
	s.t.Helper()
	cmd := s.command(name, role, network, address)
	in, err := cmd.StdinPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	p, err := h.Start(cmd)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { in.Close(); _ = p.Wait() })
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		s.t.Fatalf("%s: %q, %v", name, line, err)
	}
}

// containerID is the id of a container that the test makes of a cgroup.
const containerID = "feedfeedfeedfeedfeedfeedfeedfeedfeedfeedfeedfeedfeedfeedfeedfeed"

// newContainer makes a cgroup with the name that Docker gives, and returns its descriptor.
func newContainer(t *testing.T) int {
	t.Helper()
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		fields := strings.Fields(line)
		if len(fields) < 3 || fields[2] != "cgroup2" {
			continue
		}
		folder, err := os.MkdirTemp(fields[1], "weir-test-")
		if err != nil {
			lab.Lacks(t, err.Error())
		}
		inner := filepath.Join(folder, "docker-"+containerID+".scope")
		if err := os.Mkdir(inner, 0o755); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(inner)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			f.Close()
			wait.Until(t, "the cgroup is empty", func() bool {
				return os.Remove(inner) == nil && os.Remove(folder) == nil
			})
		})
		return int(f.Fd())
	}
	lab.Lacks(t, "no cgroup of version 2 is mounted")
	return 0
}

// processOf returns the process of the flows at a server's port, "" for none, and its container.
func processOf(t *testing.T, flows []flowRecord, proto string, port int) (name, container string,
	whole map[string]any) {
	t.Helper()
	found := false
	for i := range flows {
		f := &flows[i]
		if f.Proto != proto || f.Server.Port != port && f.Client.Port != port {
			continue
		}
		found = true
		p, _ := f.all["process"].(map[string]any)
		if p != nil {
			whole = p
			name, _ = p["name"].(string)
			container, _ = p["container"].(string)
		}
	}
	if !found {
		t.Errorf("no flow with port %d", port)
	}
	return name, container, whole
}

// TestProcesses: flows of this machine's own sockets have their process, however short it lives, and forwarded flows
// have none but a container's.
func TestProcesses(t *testing.T) {
	for _, mode := range []string{"ebpf", "afpacket"} {
		t.Run(mode, func(t *testing.T) {
			l := lab.New(t, lab.Options{})
			gateway, client, server := l.Gateway, l.Clients[0], l.Servers[0]
			s, container := newStage(t), newContainer(t)
			at := server.Addr4.String()
			for port := 7001; port <= 7006; port++ {
				s.serve(server, "faraway", roleServer, "tcp", fmt.Sprintf(":%d", port))
				s.serve(server, "faraway", roleServer, "udp", fmt.Sprintf(":%d", port))
			}
			s.serve(gateway, "before", roleServer, "tcp", ":7100")
			s.serve(gateway, "before", roleServer, "udp", ":7100")
			r := watch(t, gateway, "--mode", mode, "--processes", "--socket", "none")

			s.serve(gateway, "tcpserver", roleServer, "tcp", ":7101")
			s.serve(gateway, "udpserver", roleServer, "udp", ":7101")
			s.serve(gateway, "forking", roleParent, "tcp", ":7102")
			s.run(gateway, 0, "tcpclient", roleClient, "tcp", at+":7001")
			s.run(gateway, 0, "udpclient", roleClient, "udp", at+":7001")
			s.run(gateway, 0, "udponce", roleOnce, "udp", at+":7002")
			s.run(gateway, 0, "tcprefused", roleOnce, "tcp", at+":7009")
			s.run(gateway, container, "contained", roleClient, "tcp", at+":7003")
			s.run(client, container, "contained", roleClient, "tcp", at+":7004")
			s.run(client, container, "contained", roleClient, "udp", at+":7004")
			s.run(client, 0, "faraway", roleClient, "tcp", at+":7005")
			s.run(client, 0, "faraway", roleClient, "udp", at+":7005")
			mine := gateway.Addr4.String()
			for _, port := range []string{":7100", ":7101"} {
				s.run(client, 0, "faraway", roleClient, "tcp", mine+port)
				s.run(client, 0, "faraway", roleClient, "udp", mine+port)
			}
			s.run(client, 0, "faraway", roleClient, "tcp", mine+":7102")
			six := net.JoinHostPort(server.Addr6.String(), "7006")
			s.run(gateway, 0, "tcpclient", roleClient, "tcp6", six)
			s.run(gateway, 0, "udpclient", roleClient, "udp6", six)
			flows := r.stop()

			for _, c := range []struct {
				proto           string
				port            int
				name, container string
			}{
				{"tcp", 7001, "tcpclient", ""}, {"udp", 7001, "udpclient", ""}, {"udp", 7002, "udponce", ""},
				{"tcp", 7009, "tcprefused", ""}, {"tcp", 7003, "contained", containerID[:12]},
				{"tcp", 7004, "contained", containerID[:12]}, {"udp", 7004, "contained", containerID[:12]},
				{"tcp", 7005, "", ""}, {"udp", 7005, "", ""},
				{"tcp", 7100, "before", ""}, {"udp", 7100, "before", ""},
				{"tcp", 7101, "tcpserver", ""}, {"udp", 7101, "udpserver", ""}, {"tcp", 7102, "forked", ""},
				{"tcp", 7006, "tcpclient", ""}, {"udp", 7006, "udpclient", ""},
			} {
				name, container, whole := processOf(t, flows, c.proto, c.port)
				if name != c.name || container != c.container {
					t.Errorf("%s %d: %v; want %q, container %q", c.proto, c.port, whole, c.name, c.container)
				}
			}
			self, _ := os.Executable()
			if _, _, p := processOf(t, flows, "tcp", 7101); p["executable"] != self || p["uid"] != 0.0 ||
				p["pid"] == nil {
				t.Errorf("%v; want the executable %s", p, self)
			}
			if t.Failed() {
				t.Log(r.Said)
			}
		})
	}
}
