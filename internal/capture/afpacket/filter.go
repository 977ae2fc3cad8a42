// SPDX-License-Identifier: Apache-2.0

package afpacket

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// Offsets from the link header and from the network header in classic BPF (linux/filter.h: SKF_LL_OFF, SKF_NET_OFF).
// The fanout program needs them: where it runs, a received frame begins at its network header and a sent one at its
// link header.
const (
	fromLink    = 0xffe00000
	fromNetwork = 0xfff00000
)

// SnapFilter accepts every frame and keeps snap bytes of it.
func SnapFilter(snap int) []bpf.RawInstruction {
	return assemble([]bpf.Instruction{bpf.RetConstant{Val: uint32(snap)}})
}

// dropAll is the filter during a socket's setup.
func dropAll() []bpf.RawInstruction { return SnapFilter(0) }

// OwnAddressFilter keeps snap bytes of every received frame, and of those sent frames that are not IP or have a source
// among own. The package's documentation lists its limits. About 400 IPv6 addresses fit.
func OwnAddressFilter(own []netip.Addr, snap int) ([]bpf.RawInstruction, error) {
	keep := bpf.RetConstant{Val: uint32(snap)}
	var v4, v6 []bpf.Instruction
	for _, a := range own {
		a = a.Unmap()
		if a.Is4() {
			b := a.As4()
			v4 = append(v4, bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: binary.BigEndian.Uint32(b[:]), SkipTrue: 1}, keep)
			continue
		}
		b := a.As16()
		for i := uint32(0); i < 16; i += 4 {
			// A word that differs skips the rest of this address.
			rest := uint8((12-i)/4*2 + 1)
			v6 = append(v6, bpf.LoadAbsolute{Off: fromNetwork + 8 + i, Size: 4},
				bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: binary.BigEndian.Uint32(b[i:]), SkipTrue: rest})
		}
		v6 = append(v6, keep)
	}
	drop := bpf.RetConstant{Val: 0}
	// A sent frame's network header is the IP header even after a tag, but its protocol is then the tag's: so the
	// version decides. Frames of other protocols are kept.
	program := []bpf.Instruction{
		bpf.LoadExtension{Num: bpf.ExtType},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.PACKET_OUTGOING, SkipTrue: 1},
		keep,
		bpf.LoadExtension{Num: bpf.ExtProto},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.ETH_P_IP, SkipTrue: 5},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.ETH_P_IPV6, SkipTrue: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.ETH_P_8021Q, SkipTrue: 3},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.ETH_P_8021AD, SkipTrue: 2},
		keep,
		keep,
		bpf.LoadAbsolute{Off: fromNetwork, Size: 1},
		bpf.ALUOpConstant{Op: bpf.ALUOpShiftRight, Val: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: 4, SkipTrue: 3},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: 6, SkipTrue: 1},
		keep,
		bpf.Jump{Skip: uint32(len(v4) + 2)},
		bpf.LoadAbsolute{Off: fromNetwork + 12, Size: 4},
	}
	program = append(append(program, v4...), drop)
	program = append(append(program, v6...), drop)
	if len(program) > 4096 { // BPF_MAXINSNS
		return nil, fmt.Errorf("filter of own addresses: %d addresses exceed a classic filter", len(own))
	}
	return assemble(program), nil
}

// fanoutProgram assigns frames to workers by a hash of the two IP addresses, the same for both directions. A hash with
// ports, such as PACKET_FANOUT_HASH, would spread the fragments of a packet and related flows (a control connection and
// its data, a look-up and its purpose) over different workers, which share nothing. Frames other than IP go to the
// first worker. The kernel takes the result modulo the number of sockets (fanout_demux_bpf).
func fanoutProgram(ethernet bool) []bpf.RawInstruction {
	var p []bpf.Instruction
	base := uint32(fromNetwork)
	if ethernet {
		// X counts the bytes of up to two tags. The kernel has removed the outermost one of most frames.
		base = fromLink + 14
		p = []bpf.Instruction{bpf.LoadConstant{Dst: bpf.RegX, Val: 0}, bpf.LoadIndirect{Off: fromLink + 12, Size: 2}}
		for _, depth := range []uint32{4, 8} {
			p = append(p,
				bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.ETH_P_8021Q, SkipTrue: 2},
				bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.ETH_P_8021AD, SkipTrue: 1},
				bpf.Jump{Skip: 2},
				bpf.LoadConstant{Dst: bpf.RegX, Val: depth},
				bpf.LoadIndirect{Off: fromLink + 12, Size: 2},
			)
		}
	} else {
		p = []bpf.Instruction{bpf.LoadConstant{Dst: bpf.RegX, Val: 0}, bpf.LoadExtension{Num: bpf.ExtProto}}
	}
	v4 := sumWords(base+12, 2)
	v6 := sumWords(base+8, 8)
	p = append(p,
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.ETH_P_IP, SkipTrue: 2},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.ETH_P_IPV6, SkipTrue: uint8(len(v4) + 2)},
		bpf.RetConstant{Val: 0},
	)
	p = append(append(p, v4...), bpf.Jump{Skip: uint32(len(v6))})
	p = append(p, v6...)
	p = append(p,
		// 2^32 over the golden ratio: it makes neighbouring addresses differ in the upper bits too, from which the
		// remainder is taken
		bpf.ALUOpConstant{Op: bpf.ALUOpMul, Val: 0x9e3779b1},
		bpf.ALUOpConstant{Op: bpf.ALUOpShiftRight, Val: 16},
		bpf.RetA{},
	)
	return assemble(p)
}

// sumWords leaves the sum of n words from off (plus X) in A. Indirect loads need X, so M[0] holds the partial sum.
func sumWords(off uint32, n int) []bpf.Instruction {
	p := []bpf.Instruction{
		bpf.StoreScratch{Src: bpf.RegX, N: 1},
		bpf.LoadIndirect{Off: off, Size: 4},
		bpf.StoreScratch{Src: bpf.RegA, N: 0},
	}
	for i := 1; i < n; i++ {
		p = append(p,
			bpf.LoadScratch{Dst: bpf.RegX, N: 1},
			bpf.LoadIndirect{Off: off + uint32(4*i), Size: 4},
			bpf.LoadScratch{Dst: bpf.RegX, N: 0},
			bpf.ALUOpX{Op: bpf.ALUOpAdd},
			bpf.StoreScratch{Src: bpf.RegA, N: 0},
		)
	}
	return p
}

// assemble is for this package's own programs: an error is a mistake in them, which any test of them finds.
func assemble(p []bpf.Instruction) []bpf.RawInstruction {
	raw, err := bpf.Assemble(p)
	if err != nil {
		panic(fmt.Sprintf("classic BPF program of our own: %v", err))
	}
	return raw
}
