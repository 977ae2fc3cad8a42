// SPDX-License-Identifier: Apache-2.0

// Command init is process 1 of the guests of scripts/guest: it prepares the machine, runs the steps listed in the
// initramfs, and powers off. It writes events to a serial port of their own as lines of JSON, apart from what the
// kernel prints. On the host, the same program turns those lines into the table (report.go).
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/testing/lab/wait"
)

// Files in the initramfs, written by scripts/guest.
const (
	modulesFile = "/etc/guest/modules" // a path a line, each module after its dependencies
	stepsFile   = "/etc/guest/steps"   // a Step a line
	eventsPort  = "/dev/ttyS1"
)

// Step is one command.
type Step struct {
	Name    string   `json:"name"`
	Argv    []string `json:"argv"`
	Env     []string `json:"env,omitempty"`
	Dir     string   `json:"dir,omitempty"`
	Seconds int      `json:"seconds"` // time limit, after which init kills it
}

// Event is a message of init. Kinds: boot, output, end, done.
type Event struct {
	Kind    string  `json:"kind"`
	Step    string  `json:"step,omitempty"`
	Text    string  `json:"text,omitempty"` // output: one line; end: why it failed to run or was killed
	Exit    int     `json:"exit"`           // end: the status, -1 when killed; done: how many steps failed
	Seconds float64 `json:"seconds"`        // end: the duration; boot and done: since the kernel started
}

func main() {
	if os.Getpid() != 1 {
		os.Exit(report(os.Args[1:]))
	}
	failed := run()
	unix.Sync()
	fmt.Printf("guest: %d steps failed, powering off\n", failed)
	err := unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
	fmt.Println("guest: power off:", err)
	select {} // returning would be a kernel panic
}

func run() int {
	if err := mountAll(); err != nil {
		fmt.Println("guest:", err)
	}
	port, err := openPort(eventsPort)
	if err != nil {
		fmt.Println("guest:", err)
		return 1
	}
	events := json.NewEncoder(port)
	events.SetEscapeHTML(false)
	failed := 0
	for _, err := range []error{loadModules(), loopbackUp()} {
		if err != nil {
			failed++
			_ = events.Encode(Event{Kind: "output", Step: "boot", Text: err.Error()})
		}
	}
	_ = events.Encode(Event{Kind: "boot", Text: release(), Exit: failed, Seconds: uptime()})
	steps, err := readSteps()
	if err != nil {
		_ = events.Encode(Event{Kind: "output", Step: "boot", Text: err.Error()})
		failed++
	}
	for _, s := range steps {
		if end := s.run(events); end.Exit != 0 {
			failed++
		}
	}
	_ = events.Encode(Event{Kind: "done", Exit: failed, Seconds: uptime()})
	// The machine's end would lose what is still in the port's buffer.
	_ = unix.IoctlSetInt(int(port.Fd()), unix.TCSBRK, 1)
	return failed
}

// run runs the step, sends each line of its output and its end, and returns the latter.
func (s *Step) run(events *json.Encoder) Event {
	start := time.Now()
	end := Event{Kind: "end", Step: s.Name}
	if err := s.command(events); err != nil {
		end.Exit, end.Text = -1, err.Error()
		if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.Exited() {
			end.Exit, end.Text = exit.ExitCode(), ""
		}
	}
	end.Seconds = time.Since(start).Seconds()
	_ = events.Encode(end)
	return end
}

func (s *Step) command(events *json.Encoder) error {
	if len(s.Argv) == 0 {
		return errors.New("no command")
	}
	r, w, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("make a pipe: %w", err)
	}
	cmd := exec.Command(s.Argv[0], s.Argv[1:]...)
	cmd.Stdout, cmd.Stderr, cmd.Dir = w, w, s.Dir
	cmd.Env = append(os.Environ(), s.Env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	w.Close()
	read := make(chan struct{})
	go func() {
		defer close(read)
		lines := bufio.NewScanner(r)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			_ = events.Encode(Event{Kind: "output", Step: s.Name, Text: lines.Text()})
		}
		_, _ = io.Copy(io.Discard, r) // a too long line ends the scan, and the writer must not block
	}()
	limit := time.AfterFunc(time.Duration(s.Seconds)*time.Second, func() {
		_ = unix.Kill(-cmd.Process.Pid, unix.SIGKILL)
	})
	err = cmd.Wait()
	inTime := limit.Stop()
	// Processes left behind hold the pipe open.
	_ = unix.Kill(-cmd.Process.Pid, unix.SIGKILL)
	if _, ended := wait.Next(read, 2*time.Second); !ended {
		r.Close()
	}
	if !inTime {
		return fmt.Errorf("killed after %d s", s.Seconds)
	}
	return err
}

func readSteps() ([]Step, error) {
	text, err := os.ReadFile(stepsFile)
	if err != nil {
		return nil, fmt.Errorf("read the steps: %w", err)
	}
	var steps []Step
	for n, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		s := Step{Seconds: 30}
		if err := json.Unmarshal([]byte(line), &s); err != nil {
			return steps, fmt.Errorf("%s:%d: %w", stepsFile, n+1, err)
		}
		steps = append(steps, s)
	}
	return steps, nil
}

// openPort opens a serial port in raw mode.
func openPort(path string) (*os.File, error) {
	port, err := os.OpenFile(path, os.O_WRONLY|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, fmt.Errorf("open the port for events: %w", err)
	}
	settings, err := unix.IoctlGetTermios(int(port.Fd()), unix.TCGETS)
	if err != nil {
		return nil, fmt.Errorf("get the port's settings: %w", err)
	}
	settings.Oflag &^= unix.OPOST
	settings.Cflag |= unix.CLOCAL
	if err := unix.IoctlSetTermios(int(port.Fd()), unix.TCSETS, settings); err != nil {
		return nil, fmt.Errorf("set the port: %w", err)
	}
	return port, nil
}
