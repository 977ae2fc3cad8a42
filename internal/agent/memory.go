// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"debug/elf"
	"os"
	"runtime/debug"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ReleaseMemory returns the memory that only the start needed: garbage, and the mapped pages of the program's own file.
// The kernel maps the few that the process touches again from the file or the page cache.
func ReleaseMemory() {
	debug.FreeOSMemory()
	for _, s := range segments() {
		_, _, _ = unix.Syscall(unix.SYS_MADVISE, s[0], s[1]-s[0], unix.MADV_DONTNEED)
	}
}

// segments returns the first and last address, in whole pages, of the mapped parts of the program's file that nobody
// writes.
func segments() (all [][2]uintptr) {
	auxv, err := unix.Auxv()
	if err != nil {
		return nil
	}
	var headers, size, count uintptr
	for _, a := range auxv {
		switch a[0] {
		case 3: // AT_PHDR (elf.h)
			headers = a[1]
		case 4: // AT_PHENT
			size = a[1]
		case 5: // AT_PHNUM
			count = a[1]
		}
	}
	page := uintptr(os.Getpagesize())
	base, isKnown := uintptr(0), false
	for i := range count {
		s, ok := segmentAt(headers+i*size, size)
		if ok && s.kind == elf.PT_PHDR {
			base, isKnown = headers-s.address, true
		}
	}
	for i := range count {
		s, ok := segmentAt(headers+i*size, size)
		if ok && isKnown && s.kind == elf.PT_LOAD && s.flags&elf.PF_W == 0 {
			start := base + s.address
			all = append(all, [2]uintptr{start &^ (page - 1), (start + s.length + page - 1) &^ (page - 1)})
		}
	}
	return all
}

type segment struct {
	kind            elf.ProgType
	flags           elf.ProgFlag
	address, length uintptr
}

// segmentAt reads a program header from where the kernel mapped it.
func segmentAt(at, size uintptr) (segment, bool) {
	header := *(*unsafe.Pointer)(unsafe.Pointer(&at)) // not Go's memory
	switch size {
	case unsafe.Sizeof(elf.Prog64{}):
		p := (*elf.Prog64)(header)
		return segment{elf.ProgType(p.Type), elf.ProgFlag(p.Flags), uintptr(p.Vaddr), uintptr(p.Memsz)}, true
	case unsafe.Sizeof(elf.Prog32{}):
		p := (*elf.Prog32)(header)
		return segment{elf.ProgType(p.Type), elf.ProgFlag(p.Flags), uintptr(p.Vaddr), uintptr(p.Memsz)}, true
	}
	return segment{}, false
}
