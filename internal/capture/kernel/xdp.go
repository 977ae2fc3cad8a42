// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// xdp is an option for ports that only receive, such as a mirror port: XDP sees no outgoing packet. Generic XDP runs
// beside TC, and is the default: attaching native XDP to a veth, or detaching it, lost a packet or two. Both see a
// frame as it comes from the card; a super-packet from a virtual machine or another namespace counts as one packet.
type xdp struct {
	link.Link
	name string
}

func (x *xdp) kind() string { return x.name }

func (x *xdp) objects() map[string]link.Link { return map[string]link.Link{x.name: x.Link} }

// attachXDP returns an attacher of the XDP program, which ignores the TC programs in its arguments.
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
			why := "the kernel does not support it"
			if native {
				why = "the interface's driver does not support it"
			}
			return nil, &HookError{name, fmt.Errorf("%s (%w)", why, unix.EOPNOTSUPP)}
		}
		if err != nil {
			return nil, fmt.Errorf("attach %s: %w", name, err)
		}
		return &xdp{x, name}, nil
	}
}
