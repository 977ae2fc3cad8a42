// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"errors"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
)

// tcx is a pair of TCX links (Linux 6.6). A link ends with its last descriptor, so a killed process leaves nothing.
type tcx struct{ links []link.Link }

// attachTCX attaches the programs as the first on ingress and on egress: another program that passes, drops or
// redirects a packet ends the chain, and later programs do not see the packet. So weir also counts what others drop on
// egress.
func attachTCX(ifindex uint32, ingress, egress *ebpf.Program) (hook, error) {
	t := &tcx{}
	for _, end := range [...]struct {
		program *ebpf.Program
		attach  ebpf.AttachType
	}{{ingress, ebpf.AttachTCXIngress}, {egress, ebpf.AttachTCXEgress}} {
		if end.program == nil {
			continue
		}
		l, err := link.AttachTCX(link.TCXOptions{
			Interface: int(ifindex), Program: end.program, Attach: end.attach, Anchor: link.Head(),
		})
		if err != nil {
			return nil, errors.Join(tcxError(err), t.Close())
		}
		t.links = append(t.links, l)
	}
	return t, nil
}

func tcxError(err error) error {
	if errors.Is(err, ebpf.ErrNotSupported) {
		return &HookError{"tcx", err}
	}
	return err
}

func (*tcx) kind() string { return "tcx" }

// objects returns the links by their ends.
func (t *tcx) objects() map[string]link.Link {
	all := map[string]link.Link{}
	for i, l := range t.links {
		all[[...]string{"ingress", "egress"}[i]] = l
	}
	return all
}

func (t *tcx) Close() error {
	var errs error
	for _, l := range t.links {
		errs = errors.Join(errs, l.Close())
	}
	return errs
}
