// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"fmt"

	"github.com/cilium/ebpf"

	"github.com/weirnet/weir/gen/bpf"
)

// SocketFilter returns the descriptor of the socket filter that counts an interface's packets in the loader's maps, and
// passes only those for the workers. raw is for links without a link layer.
func (l *Loader) SocketFilter(raw bool) int {
	if raw {
		return l.objects.WeirFilterRaw.FD()
	}
	return l.objects.WeirFilter.FD()
}

// addShunts adds the programs that the socket filters tail-call: a filter itself has to be short, see weir.bpf.c.
func (l *Loader) addShunts() error {
	for at, p := range map[bpf.WeirShunt]*ebpf.Program{
		bpf.WeirShuntSHUNT_ETHERNET: l.objects.WeirShunt, bpf.WeirShuntSHUNT_RAW: l.objects.WeirShuntRaw,
	} {
		if err := l.objects.Shunts.Put(uint32(at), p); err != nil {
			return fmt.Errorf("add shunt %d: %w", at, err)
		}
	}
	return nil
}

// Fanout returns the descriptor of the program that distributes frames to the sockets of a PACKET_FANOUT_EBPF group:
// each to the worker whose slots the socket filter counts the frame in.
func (l *Loader) Fanout() int { return l.objects.WeirFanout.FD() }
