// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// xdp is a choice for ports that only receive, such as a mirror port's: it sees nothing of what goes out. Generic XDP
// runs where TC does, and is the default: when native XDP was attached to or detached from a veth, a packet or two were
// lost. Both see a frame as it comes from the card; a super-packet that a virtual machine or another namespace sent as
// one is one packet.
type xdp struct {
	link.Link
	name string
}

func (x *xdp) kind() string { return x.name }

// attachXDP is an attacher: the programs that it is given are those of TC, and of no use.
func (l *Loader) attachXDP(native bool) attacher {
	flags, name := link.XDPGenericMode, "xdp"
	if native {
		flags, name = link.XDPDriverMode, "xdp-native"
	}
	return func(ifindex uint32, ingress, _ *ebpf.Program) (hook, error) {
		if l.objects.WeirXdp == nil {
			return nil, &HookError{name, errors.New("the kernel has no bpf_xdp_load_bytes (Linux 5.18)")}
		}
		if ingress == l.objects.WeirIngressRaw {
			return nil, &HookError{name, errors.New("the interface has no Ethernet header")}
		}
		x, err := link.AttachXDP(link.XDPOptions{Program: l.objects.WeirXdp, Interface: int(ifindex), Flags: flags})
		if errors.Is(err, ebpf.ErrNotSupported) || errors.Is(err, unix.EOPNOTSUPP) {
			why := "the kernel has none"
			if native {
				why = "the interface's driver has none"
			}
			return nil, &HookError{name, fmt.Errorf("%s (%w)", why, unix.EOPNOTSUPP)}
		}
		if err != nil {
			return nil, fmt.Errorf("attach %s: %w", name, err)
		}
		return &xdp{x, name}, nil
	}
}
