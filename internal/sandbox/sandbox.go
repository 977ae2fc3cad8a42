// SPDX-License-Identifier: Apache-2.0

// Package sandbox confines the process that reads packets, and those that send reports and records: it starts the same
// program again without any privilege (Start, Init), and removes the system calls that the program no longer needs
// (Confine).
//
// A first stage drops the rights and then executes the program anew. Within one process Go can only drop them thread by
// thread, and with cgo not from all threads at once; after execve only one thread exists, and it has no rights.
package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// environment is the variable with Start's order to Init, and the first stage's to the second.
const environment = "WEIR_SANDBOX"

// childFD is the child's end of the socket pair: the first of exec.Cmd.ExtraFiles.
const childFD = 3

// FirstFile is the descriptor of the first of Config.Files in the child.
const FirstFile = childFD + 1

// Role is what a child does, which decides on its rights.
type Role int

// Roles.
const (
	// Packets is the role of a child that reads packets: it has no user, no file to write, and no network. It dies with
	// its parent.
	Packets Role = iota
	// Ship is that of a child that keeps files and sends them: it may write below Config.Writable, as Config.User, and
	// make connections. It outlives its parent, to finish its work: the connection to the parent ends then.
	Ship
	// Export is as Ship, and takes connections, too: it may bind and listen, to Unix sockets below Config.Writable.
	Export
)

// keepsFiles reports whether a child of the role writes files and uses the network, and outlives its parent.
func (r Role) keepsFiles() bool { return r == Ship || r == Export }

// name is the one that ps shows.
func (r Role) name() string { return [...]string{"weir-agent", "weir-ship", "weir-export"}[r] }

// order is the value of the environment variable, in JSON.
type order struct {
	Role     Role     `json:",omitempty"`
	Parent   int      // PID of the parent, with which the child must die
	Files    int      `json:",omitempty"` // that the child inherits
	Readable []string `json:",omitempty"`
	Writable []string `json:",omitempty"`
	User     int      `json:",omitempty"` // of the roles Ship and Export; 0: the parent's
	Folder   string   `json:",omitempty"` // in which the child begins

	// Dropped is set by the first stage, for the second one.
	Dropped  bool     `json:",omitempty"`
	Landlock int      `json:",omitempty"`
	Missing  []string `json:",omitempty"`
}

// Config configures the child.
type Config struct {
	// Args are the child's arguments, without the program's name.
	Args []string
	// Readable lists files and directories that the child may read besides its own binary, its libraries and the time
	// zone. Missing ones are ignored.
	Readable []string
	// Writable lists directories below which a child of the role Ship or Export may read, write, make and remove files.
	Writable []string
	// Files are the child's descriptors from FirstFile on.
	Files []*os.File
	Role  Role
	// User is the user and the group of a child of the role Ship or Export, if CanBecome; 0: the parent's.
	User int
	// Folder is the child's working directory; "": the parent's. The child need not reach it by its path.
	Folder string
	// Env is the child's environment; nil means the parent's.
	Env []string
}

// Child is the confined process, seen from its parent.
type Child struct {
	// Conn is the parent's end of a SOCK_SEQPACKET pair; the child has the other from Conn.
	Conn *net.UnixConn

	process *os.Process
	done    chan struct{}
	state   *os.ProcessState
	waitErr error
}

// Start executes the running program again, confined by Init, which main has to call first. The child shares stdin,
// stdout and stderr, and is killed when the parent dies, except one of the role Ship or Export.
func Start(c Config) (*Child, error) {
	ours, theirs, err := socketPair()
	if err != nil {
		return nil, fmt.Errorf("start confined process: %w", err)
	}
	defer theirs.Close()
	text, err := json.Marshal(order{Role: c.Role, Parent: os.Getpid(), Files: len(c.Files), Readable: c.Readable,
		Writable: c.Writable, User: c.User, Folder: c.Folder})
	if err != nil {
		ours.Close()
		return nil, fmt.Errorf("start confined process: %w", err)
	}
	cmd := exec.Command("/proc/self/exe", c.Args...)
	cmd.Args[0] = os.Args[0]
	cmd.Env = append(without(c.Env, environment), environment+"="+string(text))
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.ExtraFiles = append([]*os.File{theirs}, c.Files...)
	if !c.Role.keepsFiles() {
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	}

	child := &Child{Conn: ours, done: make(chan struct{})}
	started := make(chan error)
	go child.run(cmd, started)
	if err := <-started; err != nil {
		ours.Close()
		return nil, fmt.Errorf("start confined process: %w", err)
	}
	return child, nil
}

// run starts the process and waits for it on one thread: the parent whose death sends the signal is the forking thread,
// not the process (prctl(2), PR_SET_PDEATHSIG), so this thread has to live as long as the child.
func (c *Child) run(cmd *exec.Cmd, started chan<- error) {
	runtime.LockOSThread()
	if err := cmd.Start(); err != nil {
		started <- err
		return
	}
	c.process = cmd.Process
	started <- nil
	err := cmd.Wait()
	if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) {
		c.waitErr = err
	}
	c.state = cmd.ProcessState
	close(c.done)
}

// PID returns the child's process ID, which both stages share.
func (c *Child) PID() int { return c.process.Pid }

// Signal sends sig. It returns os.ErrProcessDone after the child's end.
func (c *Child) Signal(sig os.Signal) error { return c.process.Signal(sig) }

// Done is closed when the child has ended.
func (c *Child) Done() <-chan struct{} { return c.done }

// Wait waits for the child's end and returns its state.
func (c *Child) Wait() (*os.ProcessState, error) {
	<-c.done
	return c.state, c.waitErr
}

func socketPair() (*net.UnixConn, *os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("socketpair: %w", err)
	}
	theirs := os.NewFile(uintptr(fds[1]), "socketpair")
	ours, err := unixConn(fds[0])
	if err != nil {
		theirs.Close()
		return nil, nil, err
	}
	return ours, theirs, nil
}

// unixConn makes a connection of a socket's descriptor, which it takes over.
func unixConn(fd int) (*net.UnixConn, error) {
	file := os.NewFile(uintptr(fd), "socketpair")
	defer file.Close()
	conn, err := net.FileConn(file)
	if err != nil {
		return nil, err
	}
	unixConn, ok := conn.(*net.UnixConn)
	if !ok {
		conn.Close()
		return nil, fmt.Errorf("descriptor %d is not a Unix socket", fd)
	}
	return unixConn, nil
}

// without returns the environment env (nil: the process's) without one variable.
func without(env []string, name string) []string {
	if env == nil {
		env = os.Environ()
	}
	kept := make([]string, 0, len(env)+1)
	for _, e := range env {
		if !strings.HasPrefix(e, name+"=") {
			kept = append(kept, e)
		}
	}
	return kept
}
