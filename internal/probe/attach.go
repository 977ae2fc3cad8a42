// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Verdicts without effect (linux/bpf.h, linux/pkt_cls.h).
const (
	tcxNext    = -1 // TCX_NEXT, which is also TC_ACT_UNSPEC
	xdpPass    = 2  // XDP_PASS
	xdpGeneric = link.XDPGenericMode
)

// verdict loads a program that only returns a value.
func verdict(kind ebpf.ProgramType, value int32) (*ebpf.Program, error) {
	return ebpf.NewProgramWithOptions(&ebpf.ProgramSpec{
		Name: "weir_probe", Type: kind, License: "Apache-2.0",
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, value), asm.Return()},
	}, ebpf.ProgramOptions{LogDisabled: true})
}

// attachTCX attaches a program that passes all packets to the loopback's ingress, and detaches it.
func attachTCX(loopback int) error {
	program, err := verdict(ebpf.SchedCLS, tcxNext)
	if err != nil {
		return err
	}
	defer program.Close()
	l, err := link.AttachTCX(link.TCXOptions{Interface: loopback, Program: program, Attach: ebpf.AttachTCXIngress})
	if err != nil {
		return err
	}
	return l.Close()
}

// attachXDP does the same with XDP, in the mode that works with every driver.
func attachXDP(loopback int) (string, error) {
	program, err := verdict(ebpf.XDP, xdpPass)
	if err != nil {
		return "", err
	}
	defer program.Close()
	l, err := link.AttachXDP(link.XDPOptions{Interface: loopback, Program: program, Flags: xdpGeneric})
	if isErrno(err, unix.EBUSY, unix.EEXIST) {
		return "not tried: another program is attached to the loopback", nil
	} else if isErrno(err, unix.EINVAL) {
		return "", ebpf.ErrNotSupported
	} else if err != nil {
		return "", err
	}
	return "generic mode works on the loopback; a card's driver is tried only in use", l.Close()
}

// attachClsact attaches a program through the clsact qdisc, in a new network namespace. Without CAP_SYS_ADMIN, which a
// namespace needs, it only checks that the kernel has the qdisc.
func attachClsact(loopback int) (string, error) {
	var detail string
	var err error
	onThrowawayThread(func() {
		if unix.Unshare(unix.CLONE_NEWNET) == nil {
			err = useClsact()
			return
		}
		detail, err = "the kernel has the qdisc; trying the classifier needs CAP_SYS_ADMIN",
			askClsact(loopback)
	})
	return detail, err
}

// onThrowawayThread runs f on a thread that ends afterwards, together with its changes.
func onThrowawayThread(f func()) {
	done := make(chan bool)
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() { // the first thread never ends; held here, it cannot run the other goroutine
			onThrowawayThread(f)
			runtime.UnlockOSThread()
		} else {
			f()
		}
		done <- true
	}()
	<-done
}

// Handles of the clsact qdisc (linux/pkt_sched.h), and flags of the bpf classifier (linux/pkt_cls.h).
const (
	handleClsact  = 0xfffffff1 // TC_H_CLSACT
	handleQdisc   = 0xffff0000 // of clsact and ingress
	clsactIngress = 0xfffffff2 // TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS)

	tcaBPFFD        = 6 // TCA_BPF_FD
	tcaBPFName      = 7 // TCA_BPF_NAME
	tcaBPFFlags     = 8 // TCA_BPF_FLAGS
	bpfDirectAction = 1 // TCA_BPF_FLAG_ACT_DIRECT
)

// askClsact requests a clsact qdisc with block number 0. No such block exists, so the kernel refuses (EINVAL) and makes
// nothing; but first it looks for a qdisc of this kind (tc_modify_qdisc), and returns ENOENT if it has none.
func askClsact(loopback int) error {
	err := request(unix.RTM_NEWQDISC, netlink.Create|netlink.Excl, tcMessage(loopback, handleQdisc, handleClsact, 0),
		func(a *netlink.AttributeEncoder) {
			a.String(unix.TCA_KIND, "clsact")
			a.Uint32(unix.TCA_INGRESS_BLOCK, 0)
		})
	switch {
	case isErrno(err, unix.EINVAL, unix.EEXIST): // EEXIST: the loopback has one
		return nil
	case isErrno(err, unix.ENOENT):
		return ebpf.ErrNotSupported
	case err == nil:
		return errors.New("clsact: the kernel accepted a block that does not exist")
	}
	return err
}

// useClsact runs in a namespace of its own, where the loopback is interface 1.
func useClsact() error {
	err := request(unix.RTM_NEWQDISC, netlink.Create|netlink.Excl, tcMessage(1, handleQdisc, handleClsact, 0),
		func(a *netlink.AttributeEncoder) { a.String(unix.TCA_KIND, "clsact") })
	if isErrno(err, unix.ENOENT) {
		return ebpf.ErrNotSupported
	} else if err != nil {
		return fmt.Errorf("clsact: %w", err)
	}
	program, err := verdict(ebpf.SchedCLS, tcxNext)
	if err != nil {
		return err
	}
	defer program.Close()
	const priority, allProtocols = 1, unix.ETH_P_ALL
	protocol := uint32(binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, allProtocols)))
	err = request(unix.RTM_NEWTFILTER, netlink.Create|netlink.Excl, tcMessage(1, 0, clsactIngress,
		priority<<16|protocol),
		func(a *netlink.AttributeEncoder) {
			a.String(unix.TCA_KIND, "bpf")
			a.Nested(unix.TCA_OPTIONS, func(o *netlink.AttributeEncoder) error {
				o.Uint32(tcaBPFFD, uint32(program.FD()))
				o.String(tcaBPFName, "weir_probe")
				o.Uint32(tcaBPFFlags, bpfDirectAction)
				return nil
			})
		})
	if isErrno(err, unix.ENOENT) {
		return ebpf.ErrNotSupported
	} else if err != nil {
		return fmt.Errorf("bpf classifier: %w", err)
	}
	return nil
}

// tcMessage is a struct tcmsg (linux/rtnetlink.h).
func tcMessage(index int, handle, parent, info uint32) []byte {
	b := make([]byte, 4, 20)
	for _, v := range []uint32{uint32(index), handle, parent, info} {
		b = binary.NativeEndian.AppendUint32(b, v)
	}
	return b
}

// request sends one rtnetlink message, in the calling thread's network namespace, and returns the kernel's error.
func request(kind netlink.HeaderType, flags netlink.HeaderFlags, header []byte,
	attributes func(*netlink.AttributeEncoder)) error {
	conn, err := netlink.Dial(unix.NETLINK_ROUTE, nil)
	if err != nil {
		return err
	}
	defer conn.Close()
	encoder := netlink.NewAttributeEncoder()
	attributes(encoder)
	encoded, err := encoder.Encode()
	if err != nil {
		return err
	}
	_, err = conn.Execute(netlink.Message{
		Header: netlink.Header{Type: kind, Flags: flags | netlink.Request | netlink.Acknowledge},
		Data:   append(header, encoded...),
	})
	return err
}
