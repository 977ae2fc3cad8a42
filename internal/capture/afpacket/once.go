// SPDX-License-Identifier: Apache-2.0

package afpacket

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/capture/bpferror"
)

// Offsets in struct __sk_buff (linux/bpf.h).
const (
	skbLength     = 0
	skbPacketType = 4
	skbVLAN       = 24 // vlan_tci
	skbIngress    = 36 // ingress_ifindex: the interface that received the packet, 0 for the machine's own
	skbInterface  = 40 // ifindex
)

// maxWatched bounds the interfaces of Once.
const maxWatched = 4096

// Once is an eBPF socket filter that drops a forwarded packet at the interface that sends it, if the receiving
// interface is watched. Of the machine's own broadcast into a bridge it keeps the one on the first port. It belongs to
// the privileged process (CAP_BPF and CAP_NET_ADMIN, or CAP_SYS_ADMIN before Linux 5.8).
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
	floods, err := ebpf.NewMap(&ebpf.MapSpec{
		Name: "weir_floods", Type: ebpf.PerCPUArray, KeySize: 4, ValueSize: 16, MaxEntries: 1,
	})
	if err != nil {
		return nil, errors.Join(bpferror.Explain("make the eBPF map of broadcasts", err), watched.Close())
	}
	defer floods.Close() // the program keeps it
	program, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Name: "weir_once", Type: ebpf.SocketFilter, License: "Apache-2.0",
		Instructions: onceInstructions(watched, floods, snap),
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

// These are of bpf/flood.h, which has the reasons.
const (
	floodStep   = 16
	floodSteps  = 8
	floodFactor = 0x9e3779b97f4a7c15
)

// groups are the first two bytes of Ethernet addresses to which a bridge floods: broadcast, IPv4 and IPv6 multicast.
var groups = [][2]byte{{0xff, 0xff}, {0x01, 0x00}, {0x33, 0x33}}

// onceInstructions are the filter. R6 has the packet, R7 what its bytes come to.
func onceInstructions(watched, floods *ebpf.Map, snap int) asm.Instructions {
	const key, first, second = -4, -24, -16 // on the stack
	load := func(offset int32) asm.Instructions {
		return asm.Instructions{
			asm.Mov.Reg(asm.R1, asm.R6),
			asm.Mov.Imm(asm.R2, offset),
			asm.Mov.Reg(asm.R3, asm.RFP),
			asm.Add.Imm(asm.R3, first),
			asm.Mov.Imm(asm.R4, floodStep),
			asm.FnSkbLoadBytes.Call(),
		}
	}
	program := asm.Instructions{
		asm.Mov.Reg(asm.R6, asm.R1),
		asm.LoadMem(asm.R0, asm.R6, skbPacketType, asm.Word),
		asm.JNE.Imm(asm.R0, unix.PACKET_OUTGOING, "keep"),
		asm.LoadMem(asm.R0, asm.R6, skbIngress, asm.Word),
		asm.JEq.Imm(asm.R0, 0, "own"),
		asm.StoreMem(asm.RFP, key, asm.R0, asm.Word),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, key),
		asm.LoadMapPtr(asm.R1, watched.FD()),
		asm.FnMapLookupElem.Call(),
		asm.JNE.Imm(asm.R0, 0, "leave"),
		asm.LoadMem(asm.R7, asm.R6, skbVLAN, asm.Word).WithSymbol("own"),
		asm.LSh.Imm(asm.R7, 32),
		asm.LoadMem(asm.R0, asm.R6, skbLength, asm.Word),
		asm.Or.Reg(asm.R7, asm.R0),
		asm.LoadImm(asm.R8, floodFactor-1<<64, asm.DWord),
	}
	program = append(program, load(0)...)
	program = append(program,
		asm.JNE.Imm(asm.R0, 0, "keep"),
		asm.LoadMem(asm.R1, asm.RFP, first, asm.Half),
	)
	for _, g := range groups {
		program = append(program, asm.JEq.Imm(asm.R1, int32(binary.NativeEndian.Uint16(g[:])), "group"))
	}
	program = append(program, asm.Ja.Label("keep"), asm.Mov.Imm(asm.R0, 0).WithSymbol("group"))
	for i := range int32(floodSteps) {
		if i > 0 {
			program = append(program, load(floodStep*i)...)
			program = append(program, asm.JNE.Imm(asm.R0, 0, "compare"))
		}
		for _, word := range []int16{first, second} {
			program = append(program, asm.LoadMem(asm.R1, asm.RFP, word, asm.DWord), asm.Xor.Reg(asm.R7, asm.R1),
				asm.Mul.Reg(asm.R7, asm.R8))
		}
	}
	return append(program,
		asm.StoreImm(asm.RFP, key, 0, asm.Word).WithSymbol("compare"),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, key),
		asm.LoadMapPtr(asm.R1, floods.FD()),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, "keep"),
		asm.LoadMem(asm.R1, asm.R6, skbInterface, asm.Word),
		asm.LoadMem(asm.R2, asm.R0, 0, asm.DWord),
		asm.JNE.Reg(asm.R2, asm.R7, "first"),
		asm.LoadMem(asm.R3, asm.R0, 8, asm.Word),
		asm.JNE.Reg(asm.R3, asm.R1, "leave"),
		asm.StoreMem(asm.R0, 0, asm.R7, asm.DWord).WithSymbol("first"),
		asm.StoreMem(asm.R0, 8, asm.R1, asm.Word),
		asm.Mov.Imm(asm.R0, int32(snap)).WithSymbol("keep"),
		asm.Return(),
		asm.Mov.Imm(asm.R0, 0).WithSymbol("leave"),
		asm.Return(),
	)
}
