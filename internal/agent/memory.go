// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"debug/elf"
	"os"
	"runtime/debug"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ReleaseMemory gives back what starting took: garbage, and the mapped pages of the program's own file. A process touches few
// of these again; it gets them anew from the file, or from the page cache, by itself.
func ReleaseMemory() {
	debug.FreeOSMemory()
	for _, s := range segments() {
		_, _, _ = unix.Syscall(unix.SYS_MADVISE, s[0], s[1]-s[0], unix.MADV_DONTNEED)
	}
}

// segments are the first and the last address, page by page, of what is mapped of the program's file and never written.
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

// segmentAt reads a program header where the kernel has mapped it.
func segmentAt(at, size uintptr) (segment, bool) {
	header := *(*unsafe.Pointer)(unsafe.Pointer(&at)) // not memory of Go's
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
