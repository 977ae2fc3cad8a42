// SPDX-License-Identifier: Apache-2.0

package afpacket

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/capture/bpferror"
)

// Offsets in struct __sk_buff (linux/bpf.h).
const (
	skbPacketType = 4
	skbIngress    = 36 // ingress_ifindex: the interface that received the packet, 0 for the machine's own
)

// maxWatched bounds the interfaces of Once.
const maxWatched = 4096

// Once is an eBPF socket filter that drops a forwarded packet at the interface that sends it, if the receiving
// interface is watched. It belongs to the privileged process (CAP_BPF and CAP_NET_ADMIN, or CAP_SYS_ADMIN before Linux
// 5.8).
type Once struct {
	watched *ebpf.Map
	program *ebpf.Program
}

// NewOnce loads the filter; it keeps snap bytes of a frame.
func NewOnce(snap int) (*Once, error) {
	watched, err := ebpf.NewMap(&ebpf.MapSpec{
		Name: "weir_watched", Type: ebpf.Hash, KeySize: 4, ValueSize: 1, MaxEntries: maxWatched,
	})
	if err != nil {
		return nil, bpferror.Explain("make the eBPF map of watched interfaces", err)
	}
	program, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Name: "weir_once", Type: ebpf.SocketFilter, License: "Apache-2.0", Instructions: asm.Instructions{
			asm.LoadMem(asm.R0, asm.R1, skbPacketType, asm.Word),
			asm.JNE.Imm(asm.R0, unix.PACKET_OUTGOING, "keep"),
			asm.LoadMem(asm.R0, asm.R1, skbIngress, asm.Word),
			asm.JEq.Imm(asm.R0, 0, "keep"),
			asm.StoreMem(asm.RFP, -4, asm.R0, asm.Word),
			asm.Mov.Reg(asm.R2, asm.RFP),
			asm.Add.Imm(asm.R2, -4),
			asm.LoadMapPtr(asm.R1, watched.FD()),
			asm.FnMapLookupElem.Call(),
			asm.JEq.Imm(asm.R0, 0, "keep"),
			asm.Mov.Imm(asm.R0, 0),
			asm.Return(),
			asm.Mov.Imm(asm.R0, int32(snap)).WithSymbol("keep"),
			asm.Return(),
		},
	})
	if err != nil {
		return nil, errors.Join(bpferror.Explain("load the eBPF filter of forwarded packets", err), watched.Close())
	}
	return &Once{watched: watched, program: program}, nil
}

// FD returns the program's descriptor, for Config.Program. Once keeps it.
func (o *Once) FD() int { return o.program.FD() }

// Watched returns the map of watched interfaces, from a uint32 ifindex to one byte, for programs with further checks.
func (o *Once) Watched() *ebpf.Map { return o.watched }

// Watch marks an interface whose received packets are captured there. Call it after Open: counting a packet twice is
// better than not at all.
func (o *Once) Watch(ifindex uint32) error {
	if err := o.watched.Put(ifindex, uint8(1)); err != nil {
		return fmt.Errorf("watch interface %d: %w", ifindex, err)
	}
	return nil
}

// Unwatch reverses Watch. It returns no error for an interface that is not watched.
func (o *Once) Unwatch(ifindex uint32) error {
	if err := o.watched.Delete(ifindex); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
		return fmt.Errorf("unwatch interface %d: %w", ifindex, err)
	}
	return nil
}

// Close closes program and map; sockets keep what they use.
func (o *Once) Close() error { return errors.Join(o.program.Close(), o.watched.Close()) }
