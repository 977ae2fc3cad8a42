// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
)

// hook is a pair of programs attached to an interface.
type hook interface {
	kind() string
	Close() error
}

// attacher attaches a pair of programs to an interface with one kind of hook; egress may be nil. It returns a
// *HookError if the machine lacks that kind.
type attacher func(ifindex uint32, ingress, egress *ebpf.Program) (hook, error)

// HookError is the reason why the machine lacks a kind of hook.
type HookError struct {
	Hook string // tcx, clsact, xdp, xdp-native
	Why  error
}

func (e *HookError) Error() string { return fmt.Sprintf("attach by %s: %v", e.Hook, e.Why) }

func (e *HookError) Unwrap() error { return e.Why }

// loopback is the ifindex of lo in every namespace (LOOPBACK_IFINDEX of include/net/flow.h of Linux).
const loopback = 1

// chooseHook returns the attacher for Config.Hook, or nil to take the first that works.
func (l *Loader) chooseHook() (attacher, error) {
	switch l.config.Hook {
	case "":
		return nil, nil
	case "tcx":
		return attachTCX, nil
	case "clsact":
		return attachClsact, nil
	case "xdp":
		return l.attachXDP(false), nil
	case "xdp-native":
		return l.attachXDP(true), nil
	}
	return nil, fmt.Errorf("hook: %q is none of tcx, clsact, xdp, xdp-native", l.config.Hook)
}

// Attach attaches the programs to an interface with the configured hook, and returns the kind of hook. raw is for links
// without a link layer (tun, PPP, WireGuard). Attach removes filters that a killed weir left there.
func (l *Loader) Attach(ifindex uint32, raw bool) (kind string, err error) {
	if h, ok := l.hooks[ifindex]; ok {
		return h.kind(), nil
	}
	ingress, egress := l.objects.WeirIngress, l.objects.WeirEgress
	if raw {
		ingress, egress = l.objects.WeirIngressRaw, l.objects.WeirEgressRaw
	}
	if ifindex == loopback {
		egress = nil // each packet that goes out comes in at once, and counts then
	}
	if h := l.adopt(ifindex, ingress, egress); h != nil { // its note is there
		l.hooks[ifindex] = h
		return h.kind(), nil
	}
	// First the note: until it is there, an egress would count the packets that the ingress has counted.
	if _, err := l.Count(ifindex); err != nil {
		return "", err
	}
	h, err := l.attach(ifindex, ingress, egress)
	if err != nil {
		return "", errors.Join(err, l.ForgetIngress(ifindex))
	}
	if h.kind() != "clsact" { // attachClsact does it itself
		if _, err := RemoveLeftovers(ifindex); err != nil {
			return "", errors.Join(fmt.Errorf("remove the filters of a killed weir: %w", err), h.Close(),
				l.ForgetIngress(ifindex))
		}
	}
	l.hooks[ifindex] = h
	return h.kind(), nil
}

func (l *Loader) attach(ifindex uint32, ingress, egress *ebpf.Program) (hook, error) {
	if l.attachBy != nil {
		return l.attachBy(ifindex, ingress, egress)
	}
	h, err := attachTCX(ifindex, ingress, egress)
	var missing *HookError
	if err == nil || !errors.As(err, &missing) {
		return h, err
	}
	h, second := attachClsact(ifindex, ingress, egress)
	if second != nil {
		return nil, errors.Join(err, second)
	}
	return h, nil
}

// Detach detaches the programs from an interface, or undoes NoteIngress. A deleted interface has lost them already.
func (l *Loader) Detach(ifindex uint32) error {
	h, ok := l.hooks[ifindex]
	if !ok {
		return l.ForgetIngress(ifindex)
	}
	delete(l.hooks, ifindex)
	return errors.Join(h.Close(), l.ForgetIngress(ifindex))
}
