// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"
)

// probeAFPacket tries what modes afpacket and libpcap need: both use the same sockets.
func probeAFPacket(e explainer, loopback int) []Feature {
	w := what{needs: []string{"CAP_NET_RAW"}, kernel: "CONFIG_PACKET"}
	socket := Feature{Name: "packet socket", NeededBy: []string{AFPacket, Libpcap}, OK: true}
	if err := withPacketSocket(func(int) error { return nil }); err != nil {
		socket = e.no(socket, err, w)
	}
	all := []Feature{socket}
	for _, p := range []struct {
		name, kernel string
		optional     bool
		try          func(fd int) error
	}{
		{"ring TPACKET_V3", "CONFIG_PACKET (Linux 3.2)", false, mapRing},
		{"fanout by hash", "CONFIG_PACKET (Linux 3.1)", false,
			func(fd int) error { return joinFanout(fd, loopback, unix.PACKET_FANOUT_HASH) }},
		{"fanout by classic BPF", "CONFIG_PACKET (Linux 4.3)", true,
			func(fd int) error { return fanoutByProgram(fd, loopback) }},
	} {
		f := Feature{Name: p.name, NeededBy: []string{AFPacket}, Optional: p.optional}
		if !socket.OK {
			f = notTried(f, socket)
		} else if err := withPacketSocket(p.try); err != nil {
			if isErrno(err, unix.EINVAL) {
				err = fmt.Errorf("%w: %w", unix.EOPNOTSUPP, err)
			}
			f = e.no(f, err, what{w.needs, p.kernel, false})
		} else {
			f.OK = true
		}
		all = append(all, f)
	}
	return all
}

// withPacketSocket opens a packet socket of protocol 0, which receives no packet.
func withPacketSocket(use func(fd int) error) error {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	defer unix.Close(fd)
	return use(fd)
}

// mapRing makes and maps a ring of one small block.
func mapRing(fd int) error {
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_VERSION, unix.TPACKET_V3); err != nil {
		return fmt.Errorf("PACKET_VERSION: %w", err)
	}
	const block, frame = 64 << 10, 2048 // bytes; a block is a multiple of every page size
	ring := unix.TpacketReq3{Block_size: block, Block_nr: 1, Frame_size: frame, Frame_nr: block / frame,
		Retire_blk_tov: 100}
	if err := unix.SetsockoptTpacketReq3(fd, unix.SOL_PACKET, unix.PACKET_RX_RING, &ring); err != nil {
		return fmt.Errorf("PACKET_RX_RING: %w", err)
	}
	memory, err := unix.Mmap(fd, 0, block, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("mmap: %w", err)
	}
	return unix.Munmap(memory)
}

// joinFanout binds to the loopback, which fanout needs, and to a protocol unused there: the first one that IEEE 802
// leaves to local experiments. Old kernels cannot choose a free group; there the process id is rare enough.
func joinFanout(fd, loopback, kind int) error {
	const experimental = 0x88b5
	protocol := binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, experimental))
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: protocol, Ifindex: loopback}); err != nil {
		return fmt.Errorf("bind: %w", err)
	}
	err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_FANOUT, (kind|unix.PACKET_FANOUT_FLAG_UNIQUEID)<<16)
	if isErrno(err, unix.EINVAL) {
		err = unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_FANOUT, kind<<16|unix.Getpid()&0xffff)
	}
	if err != nil {
		return fmt.Errorf("PACKET_FANOUT: %w", err)
	}
	return nil
}

// fanoutByProgram sets a classic BPF program that sends all packets to the group's first socket.
func fanoutByProgram(fd, loopback int) error {
	if err := joinFanout(fd, loopback, unix.PACKET_FANOUT_CBPF); err != nil {
		return err
	}
	program := []unix.SockFilter{{Code: unix.BPF_RET | unix.BPF_K, K: 0}}
	filter := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	if err := unix.SetsockoptSockFprog(fd, unix.SOL_PACKET, unix.PACKET_FANOUT_DATA, &filter); err != nil {
		return fmt.Errorf("PACKET_FANOUT_DATA: %w", err)
	}
	return nil
}
