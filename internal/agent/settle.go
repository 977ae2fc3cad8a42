// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"debug/elf"
	"os"
	"runtime/debug"

	"golang.org/x/sys/unix"
)

// settle gives back what starting took: garbage, and the mapped pages of the program's own file. The privileged process then waits,
// and touches few of them again; it gets those anew from the file, or from the page cache, by themselves.
func settle() {
	debug.FreeOSMemory()
	file, err := elf.Open("/proc/self/exe")
	if err != nil {
		return
	}
	defer file.Close()
	page := uint64(os.Getpagesize())
	for _, p := range file.Progs {
		if file.Type != elf.ET_EXEC || p.Type != elf.PT_LOAD || p.Flags&elf.PF_W != 0 {
			continue // written pages are not in the file
		}
		start, end := p.Vaddr&^(page-1), (p.Vaddr+p.Memsz+page-1)&^(page-1)
		_, _, _ = unix.Syscall(unix.SYS_MADVISE, uintptr(start), uintptr(end-start), unix.MADV_DONTNEED)
	}
}
