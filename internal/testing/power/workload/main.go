// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Command workload runs in the machine whose power internal/testing/power cuts: it says which reports the spool and the
// queue have, each on a disk of its own, then stores and sends reports until the power fails.
package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/testing/power"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// talk is the disk by which the program talks, and a page for it.
var talk struct {
	sync.Mutex
	file *os.File
	page []byte
}

// openTalk opens the disk for writes that pass no cache.
func openTalk() (err error) {
	if talk.page, err = unix.Mmap(-1, 0, power.TalkSize, unix.PROT_READ|unix.PROT_WRITE,
		unix.MAP_ANON|unix.MAP_PRIVATE); err != nil {
		return fmt.Errorf("map a page: %w", err)
	}
	talk.file, err = os.OpenFile(power.TalkDisk, os.O_WRONLY|unix.O_DIRECT, 0)
	return err
}

// say returns when the test knows it: the power may fail after it.
func say(s power.Said) {
	const block = 512
	line, err := json.Marshal(&s)
	if err != nil {
		panic(err)
	}
	talk.Lock()
	defer talk.Unlock()
	clear(talk.page[copy(talk.page, line):])
	if _, err := talk.file.WriteAt(talk.page[:(len(line)+block-1)/block*block], 0); err != nil {
		panic(err)
	}
}

func main() {
	if err := run(); err != nil {
		fmt.Println(err)
	}
}

// parameters are those of the kernel's command line.
type parameters []string

func (p parameters) has(name string) bool { return slices.Contains(p, name) }

// number returns the number after a name, 0 without it.
func (p parameters) number(name string) (uint64, error) {
	for _, each := range p {
		if text, ok := strings.CutPrefix(each, name); ok {
			return strconv.ParseUint(text, 10, 64)
		}
	}
	return 0, nil
}

func run() error {
	text, err := os.ReadFile("/proc/cmdline")
	if err != nil {
		return err
	}
	p := parameters(strings.Fields(string(text)))
	first, err := p.number(power.First)
	if err != nil {
		return err
	}
	if err := openTalk(); err != nil {
		return err
	}
	if p.has(power.NoSync) {
		if err := ignoreSync(); err != nil {
			return err
		}
	}
	var both sync.WaitGroup
	start := func(who, disk string, work func(folder string) error) {
		both.Go(func() {
			folder := "/disk/" + who
			err := os.MkdirAll(folder, 0o700)
			if err == nil {
				err = unix.Mount(disk, folder, "ext4", 0, "")
			}
			if err == nil {
				err = work(folder)
			}
			if err != nil {
				say(power.Said{Who: who, What: power.Failed, Text: err.Error()})
			}
		})
	}
	if p.has(power.Sink) {
		start("sink", "/dev/vdb", func(folder string) error { return runSink(folder, p) })
		both.Wait()
		return nil
	}
	start("agent", "/dev/vdb", func(folder string) error { return runSpool(folder, p.has(power.Capped)) })
	start("sink", "/dev/vdc", func(folder string) error { return runQueue(folder, first) })
	both.Wait()
	return nil
}

// random returns bytes that no cut can make by chance.
func random(size int) []byte {
	b := make([]byte, 0, size+8)
	for len(b) < size {
		b = binary.LittleEndian.AppendUint64(b, rand.Uint64())
	}
	return b[:size]
}

// ignoreSync makes fsync and fdatasync do nothing and succeed, in the whole process: so the twin that does not sync is
// the same program.
func ignoreSync() error {
	succeed := func(number uint32) []unix.SockFilter {
		return []unix.SockFilter{
			{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: number, Jf: 1},
			{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO}, // with error number 0
		}
	}
	program := []unix.SockFilter{{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}} // the call's number
	program = append(program, succeed(unix.SYS_FSYNC)...)
	program = append(program, succeed(unix.SYS_FDATASYNC)...)
	program = append(program, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW})
	f := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("set no_new_privs: %w", err)
	}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC,
		uintptr(unsafe.Pointer(&f)))
	if errno != 0 {
		return fmt.Errorf("install a filter of calls: %w", errno)
	}
	return nil
}
