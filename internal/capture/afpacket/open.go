// SPDX-License-Identifier: Apache-2.0

package afpacket

import (
	"errors"
	"fmt"
	"math/bits"
	"net"

	"github.com/mdlayher/packet"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// maxWorkers is the size of a fanout group that every kernel takes (PACKET_FANOUT_MAX before Linux 5.12).
const maxWorkers = 256

// Config configures the sockets of one interface.
type Config struct {
	Interface uint32 // ifindex
	Workers   int    // number of sockets that share the frames; 0 means 1
	Geometry  Geometry
	Retire    int // milliseconds after which the kernel hands over a partly filled block; 0 means DefaultRetire
	// Promiscuous mode lasts while one of the sockets is open.
	Promiscuous bool
	// Filter is a classic program; nil means SnapFilter(DefaultSnapLength). It returns the number of bytes to keep of a
	// frame; 0 drops it.
	Filter []bpf.RawInstruction
	// Program is the descriptor of an eBPF program of type socket filter, in place of Filter. 0 means none.
	Program int
	// Fanout is the descriptor of an eBPF program (socket filter) that assigns frames to the sockets, in place of the
	// package's own.
	Fanout int
}

// Port holds the open sockets of one interface, one for each worker, in the workers' order.
type Port struct {
	Sockets  []int
	Geometry Geometry
	// Balanced says how the sockets share frames: "one", "addresses", or "flows" if the kernel refuses a program for
	// that. With "flows", fragments and related flows may go to other workers than their flow.
	Balanced string
}

// Close closes the sockets of this process; those passed to another process stay open.
func (p *Port) Close() error {
	var errs []error
	for _, fd := range p.Sockets {
		errs = append(errs, unix.Close(fd))
	}
	p.Sockets = nil
	return errors.Join(errs...)
}

// Open makes the sockets of one interface. It needs CAP_NET_RAW in the network namespace of the calling thread. It
// returns ENODEV for a missing interface, ENETDOWN for one that is down.
//
// During setup a filter drops all frames: no frame escapes the caller's filter, and no worker gets frames of another.
// Then Open locks the filters, so that the sockets' receiver cannot remove them.
func Open(c Config) (*Port, error) {
	if c.Workers == 0 {
		c.Workers = 1
	}
	if c.Workers < 0 || c.Workers > maxWorkers {
		return nil, fmt.Errorf("open packet sockets: %d workers, the kernel takes at most %d", c.Workers, maxWorkers)
	}
	if err := c.Geometry.check(); err != nil {
		return nil, fmt.Errorf("open packet sockets: %w", err)
	}
	port := &Port{Geometry: c.Geometry, Balanced: "one"}
	for range c.Workers {
		fd, err := openSocket(&c)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("open packet socket on interface %d: %w", c.Interface, err),
				port.Close())
		}
		port.Sockets = append(port.Sockets, fd)
	}
	err := port.join(c.Fanout)
	for _, fd := range port.Sockets {
		if err == nil {
			err = setFilter(fd, &c)
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open packet sockets on interface %d: %w", c.Interface, err), port.Close())
	}
	return port, nil
}

// openSocket returns a socket that is bound to the interface, with a ring, and that drops everything.
func openSocket(c *Config) (fd int, err error) {
	// With protocol 0 the kernel binds the socket to the interface without delivering frames: the ring exists before
	// the first frame.
	conn, err := packet.Listen(&net.Interface{Index: int(c.Interface)}, packet.Raw, 0,
		&packet.Config{Filter: dropAll()})
	if err != nil {
		return -1, err
	}
	defer conn.Close()
	if c.Promiscuous {
		if err := conn.SetPromiscuous(true); err != nil {
			return -1, err
		}
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return -1, err
	}
	controlErr := raw.Control(func(s uintptr) {
		if err = setUp(int(s), c); err == nil {
			// Go's poller owns the connection's own descriptor, which is closed with it.
			fd, err = unix.FcntlInt(s, unix.F_DUPFD_CLOEXEC, 0)
		}
	})
	if err = errors.Join(controlErr, err); err != nil {
		return -1, err
	}
	return fd, nil
}

func setUp(fd int, c *Config) error {
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_VERSION, unix.TPACKET_V3); err != nil {
		return fmt.Errorf("set TPACKET_V3: %w", err)
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_RESERVE, tagBytes); err != nil {
		return fmt.Errorf("reserve headroom: %w", err)
	}
	retire := c.Retire
	if retire == 0 {
		retire = DefaultRetire
	}
	// The frame size has no meaning in version 3, where frames lie close together, but the kernel checks that it fits.
	const frameSize = 2048
	request := unix.TpacketReq3{
		Block_size: uint32(c.Geometry.BlockSize), Block_nr: uint32(c.Geometry.Blocks),
		Frame_size: frameSize, Frame_nr: uint32(c.Geometry.Bytes() / frameSize),
		Retire_blk_tov: uint32(retire),
	}
	if err := unix.SetsockoptTpacketReq3(fd, unix.SOL_PACKET, unix.PACKET_RX_RING, &request); err != nil {
		return fmt.Errorf("set up a ring of %d blocks of %d bytes: %w", c.Geometry.Blocks, c.Geometry.BlockSize, err)
	}
	link, err := linkOf(fd)
	if err != nil {
		return err
	}
	if link == unix.ARPHRD_LOOPBACK {
		// Since Linux 4.20; before, readFrame drops these frames.
		_ = unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1)
	}
	all := unix.SockaddrLinklayer{Protocol: networkOrder(unix.ETH_P_ALL), Ifindex: int(c.Interface)}
	if err := unix.Bind(fd, &all); err != nil {
		return fmt.Errorf("bind: %w", err)
	}
	// The kernel binds to an interface that is down, and sets SO_ERROR.
	if errno, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR); err != nil || errno != 0 {
		return fmt.Errorf("bind: %w", errors.Join(err, unix.Errno(errno)))
	}
	return nil
}

// linkOf returns the hardware type (ARPHRD_) of the interface that a socket is bound to.
func linkOf(fd int) (uint16, error) {
	name, err := unix.Getsockname(fd)
	if err != nil {
		return 0, fmt.Errorf("get the interface's type: %w", err)
	}
	return name.(*unix.SockaddrLinklayer).Hatype, nil
}

// join makes the sockets a fanout group, by addresses if the kernel takes a program for that.
func (p *Port) join(fanout int) error {
	if len(p.Sockets) < 2 {
		return nil
	}
	p.Balanced = "addresses"
	if fanout != 0 {
		return p.group(unix.PACKET_FANOUT_EBPF, fanout)
	}
	err := p.group(unix.PACKET_FANOUT_CBPF, 0)
	if err == nil {
		return nil
	}
	// The kernel's own hash of addresses and ports is the same for both directions since Linux 4.7. Without its flag
	// for fragments (PACKET_FANOUT_FLAG_DEFRAG): that would deliver packets that were never on the wire.
	p.Balanced = "flows"
	if again := p.group(unix.PACKET_FANOUT_HASH, 0); again != nil {
		return fmt.Errorf("make a fanout group: %w", errors.Join(err, again))
	}
	return nil
}

// group makes the sockets a fanout group of a kind. The first to join is worker 0 in every group, so that one worker
// gets a flow's packets from all interfaces.
func (p *Port) group(kind, program int) error {
	first := p.Sockets[0]
	link, err := linkOf(first)
	if err != nil {
		return err
	}
	if link == unix.ARPHRD_LOOPBACK {
		kind |= unix.PACKET_FANOUT_FLAG_IGNORE_OUTGOING // Linux 4.20; before, readFrame drops these frames
	}
	// The kernel chooses a number that is free in the network namespace.
	if err := unix.SetsockoptInt(first, unix.SOL_PACKET, unix.PACKET_FANOUT,
		(kind|unix.PACKET_FANOUT_FLAG_UNIQUEID)<<16); err != nil {
		return fmt.Errorf("begin a group of kind %#x: %w", kind, err)
	}
	if kind&0xff == unix.PACKET_FANOUT_CBPF {
		program := fanoutProgram(isEthernet(link))
		if err := setsockoptFilter(first, unix.SOL_PACKET, unix.PACKET_FANOUT_DATA, program); err != nil {
			return fmt.Errorf("set the group's program: %w", err)
		}
	}
	if kind&0xff == unix.PACKET_FANOUT_EBPF {
		if err := unix.SetsockoptInt(first, unix.SOL_PACKET, unix.PACKET_FANOUT_DATA, program); err != nil {
			return fmt.Errorf("set the group's program: %w", err)
		}
	}
	id, err := unix.GetsockoptInt(first, unix.SOL_PACKET, unix.PACKET_FANOUT)
	if err != nil {
		return fmt.Errorf("get the group's number: %w", err)
	}
	for _, fd := range p.Sockets[1:] {
		if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_FANOUT, id&0xffff|kind<<16); err != nil {
			return fmt.Errorf("join a group of kind %#x: %w", kind, err)
		}
	}
	return nil
}

// setFilter replaces dropAll with the caller's filter, in one step, and locks it.
func setFilter(fd int, c *Config) error {
	var err error
	if c.Program != 0 {
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ATTACH_BPF, c.Program)
	} else {
		filter := c.Filter
		if filter == nil {
			filter = SnapFilter(DefaultSnapLength)
		}
		err = setsockoptFilter(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, filter)
	}
	if err != nil {
		return fmt.Errorf("attach filter: %w", err)
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_LOCK_FILTER, 1); err != nil {
		return fmt.Errorf("lock filter: %w", err)
	}
	return nil
}

func setsockoptFilter(fd, level, option int, program []bpf.RawInstruction) error {
	if len(program) == 0 || len(program) > 4096 { // BPF_MAXINSNS
		return fmt.Errorf("classic program of %d instructions: %w", len(program), unix.EINVAL)
	}
	code := make([]unix.SockFilter, len(program))
	for i, r := range program {
		code[i] = unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
	}
	return unix.SetsockoptSockFprog(fd, level, option, &unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]})
}

// networkOrder returns the number whose bytes in memory are v's in network order.
func networkOrder(v uint16) uint16 {
	if nativeLittle {
		return bits.ReverseBytes16(v)
	}
	return v
}
