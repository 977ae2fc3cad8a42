// SPDX-License-Identifier: Apache-2.0

//go:build libpcap && cgo

package libpcap

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// mapElement is the part of union bpf_attr for the commands on an element (linux/bpf.h).
type mapElement struct {
	fd    uint32
	_     uint32
	key   uint64 // addresses
	value uint64
	flags uint64
}

// putInMap and deleteFromMap change a hash from 32-bit numbers to bytes.
func putInMap(fd int, key uint32) error      { return mapDo(unix.BPF_MAP_UPDATE_ELEM, fd, key) }
func deleteFromMap(fd int, key uint32) error { return mapDo(unix.BPF_MAP_DELETE_ELEM, fd, key) }

func mapDo(command uintptr, fd int, key uint32) error {
	value := byte(1)
	var pinned runtime.Pinner
	defer pinned.Unpin()
	pinned.Pin(&key)
	pinned.Pin(&value)
	e := mapElement{fd: uint32(fd), key: uint64(uintptr(unsafe.Pointer(&key)))}
	if command == unix.BPF_MAP_UPDATE_ELEM {
		e.value = uint64(uintptr(unsafe.Pointer(&value)))
	}
	if _, _, errno := unix.Syscall(unix.SYS_BPF, command, uintptr(unsafe.Pointer(&e)), unsafe.Sizeof(e)); errno != 0 {
		return errno
	}
	return nil
}
