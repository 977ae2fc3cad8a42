// SPDX-License-Identifier: Apache-2.0

package power

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// patience bounds a boot with all that its program does until the power fails. It takes a few seconds.
const patience = 5 * time.Minute

// machine has disks, and boots from them again and again.
type machine struct {
	t       testing.TB
	random  *rand.Rand
	disks   []*disk
	kernel  string
	files   string // initramfs
	folder  string
	console string
	memory  int // MiB
}

// newMachine returns a machine with the files that a variable names.
func newMachine(t testing.TB, files string, random *rand.Rand, disks ...*disk) *machine {
	folder := t.TempDir()
	return &machine{t: t, random: random, disks: disks, kernel: needed(t, "WEIR_POWER_KERNEL"),
		files: needed(t, files), folder: folder, console: filepath.Join(folder, "console"), memory: 160}
}

func needed(t testing.TB, variable string) string {
	path := os.Getenv(variable)
	if path == "" {
		t.Skip("scripts/guest power runs this")
	}
	return path
}

// format makes a disk with ext4.
func format(t testing.TB, bytes int64) *disk {
	t.Helper()
	path := filepath.Join(t.TempDir(), "image")
	err := os.WriteFile(path, nil, 0o600)
	if err == nil {
		err = os.Truncate(path, bytes)
	}
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mkfs.ext4", "-q", "-F", "-m", "0", "-J", "size=4", path).CombinedOutput(); err != nil {
		t.Fatalf("mkfs.ext4: %v\n%s", err, out)
	}
	image, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return newDisk(image)
}

// What every machine has. The timer's check at the start fails on a busy host.
var hardware = []string{"-M", "q35", "-accel", "tcg,thread=single", "-cpu", "max", "-smp", "1", "-nodefaults",
	"-no-user-config", "-display", "none", "-no-reboot"}

// commandLine makes the start a third shorter: the kernel measures and tests less.
const commandLine = "console=ttyS0 panic=-1 quiet loglevel=4 mitigations=off tsc=reliable no_timer_check " +
	"random.trust_cpu=on lpj=4000000 nokaslr cryptomgr.notests rcupdate.rcu_expedited=1 noreplace-smp "

// boot starts the machine, and gives each line of its program to hear, until that returns true or the power of a disk
// fails. Then the machine is dead at once, and the disks have what survived.
func (m *machine) boot(parameters string, hear func(Said) (cut bool)) {
	m.t.Helper()
	args := append(slices.Clone(hardware), "-m", fmt.Sprint(m.memory), "-kernel", m.kernel, "-initrd", m.files,
		"-append", commandLine+parameters, "-serial", "file:"+m.console, "-serial", "stdio")
	lines := make(chan Said)
	var told sync.WaitGroup
	var sockets []net.Listener
	for i, d := range append([]*disk{talkDisk(lines)}, m.disks...) {
		d.on()
		path := filepath.Join(m.folder, fmt.Sprint("disk", i))
		l, err := net.Listen("unix", path)
		if err != nil {
			m.t.Fatal(err)
		}
		sockets = append(sockets, l)
		told.Go(func() { _ = d.serve(l) })
		args = append(args,
			"-blockdev", fmt.Sprintf("driver=nbd,node-name=d%d,server.type=unix,server.path=%s", i, path),
			"-device", fmt.Sprintf("virtio-blk-pci,drive=d%d,write-cache=on", i))
	}
	cmd := exec.Command("qemu-system-x86_64", args...)
	cmd.SysProcAttr = &unix.SysProcAttr{Pdeathsig: unix.SIGKILL}
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		m.t.Fatal(err)
	}
	told.Go(func() {
		listen(bufio.NewScanner(out), lines)
		for _, l := range sockets { // a machine that did not start has not connected
			l.Close()
		}
	})
	go func() {
		told.Wait()
		close(lines)
	}()
	m.hear(lines, hear)
	for _, d := range m.disks {
		d.cut(m.random)
	}
	_ = cmd.Process.Kill()
	for s := range lines { // said before
		hear(s)
	}
	_ = cmd.Wait()
	if text := m.tail(); strings.Contains(text, "EXT4-fs error") {
		m.t.Errorf("the machine's console:\n%s", text)
	}
}

// talkDisk returns the disk by which the program talks.
func talkDisk(lines chan<- Said) *disk {
	d := newDisk(make([]byte, TalkSize))
	d.wrote = func(b []byte) {
		s := Said{Who: "machine", What: Failed}
		if err := json.Unmarshal(bytes.TrimRight(b, "\x00"), &s); err != nil {
			s.Text = err.Error()
		}
		lines <- s
	}
	return d
}

// hear returns when the power has to fail.
func (m *machine) hear(lines <-chan Said, hear func(Said) bool) {
	m.t.Helper()
	failed := make(chan struct{}) // of any disk
	done := make(chan struct{})
	defer close(done)
	for _, d := range m.disks {
		go func() {
			select {
			case <-d.failed:
				select {
				case failed <- struct{}{}:
				case <-done:
				}
			case <-done:
			}
		}()
	}
	over := time.NewTimer(patience)
	defer over.Stop()
	for {
		select {
		case s, ok := <-lines:
			if !ok {
				m.t.Errorf("the machine ended; its console:\n%s", m.tail())
				return
			}
			if hear(s) {
				return
			}
		case <-failed:
			return
		case <-over.C:
			m.t.Errorf("the machine does nothing for %v; its console:\n%s", patience, m.tail())
			return
		}
	}
}

func (m *machine) tail() string {
	text, _ := os.ReadFile(m.console)
	return string(text[max(0, len(text)-4000):])
}

// listen reads the events of the machine's first process (internal/testing/guest/init): what the program says there is
// why it failed.
func listen(events *bufio.Scanner, to chan<- Said) {
	events.Buffer(nil, 4<<20)
	for events.Scan() {
		var event struct{ Kind, Text string }
		if json.Unmarshal(events.Bytes(), &event) != nil {
			continue // the power failed within it
		}
		if event.Kind == "output" || event.Kind == "end" {
			to <- Said{Who: "machine", What: Failed, Text: strings.TrimSpace(event.Kind + " " + event.Text)}
		}
	}
}
