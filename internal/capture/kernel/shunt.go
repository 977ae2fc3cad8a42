// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"

	"github.com/weirnet/weir/gen/bpf"
)

// Shunt is the descriptor of the socket filter that counts an interface's packets in the loader's maps, and lets only
// those through that the workers are to see. raw is for links without a link layer.
func (l *Loader) Shunt(raw bool) int {
	if raw {
		return l.objects.WeirFilterRaw.FD()
	}
	return l.objects.WeirFilter.FD()
}

// joinShunts gives the filters what they jump to.
func (l *Loader) joinShunts() error {
	for at, p := range map[bpf.WeirShunt]*ebpf.Program{
		bpf.WeirShuntSHUNT_ETHERNET: l.objects.WeirShunt, bpf.WeirShuntSHUNT_RAW: l.objects.WeirShuntRaw,
	} {
		if err := l.objects.Shunts.Put(uint32(at), p); err != nil {
			return fmt.Errorf("enter shunt %d: %w", at, err)
		}
	}
	return nil
}

// Fanout is the descriptor of the program that deals frames to the sockets of a PACKET_FANOUT_EBPF group, as the shunt
// needs it.
func (l *Loader) Fanout() int { return l.objects.WeirFanout.FD() }

// NoteIngress says that what an interface receives is counted when it comes in, and need not be where it goes out.
func (l *Loader) NoteIngress(ifindex uint32) error {
	if err := l.objects.Interfaces.Put(ifindex, bpf.WeirInterface{Ingress: 1}); err != nil {
		return fmt.Errorf("note interface %d: %w", ifindex, err)
	}
	return nil
}

// ForgetIngress takes NoteIngress back. An interface that was not noted is no error.
func (l *Loader) ForgetIngress(ifindex uint32) error {
	if err := l.objects.Interfaces.Delete(ifindex); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
		return fmt.Errorf("forget interface %d: %w", ifindex, err)
	}
	return nil
}
