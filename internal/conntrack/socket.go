// SPDX-License-Identifier: Apache-2.0

package conntrack

import (
	"errors"
	"fmt"

	"github.com/florianl/go-conntrack"
	"github.com/mdlayher/netlink"
	"github.com/ti-mo/netfilter"
	"golang.org/x/sys/unix"
)

// receiveBuffer is asked of the kernel for events not yet read, in bytes: room for some 10,000.
const receiveBuffer = 8 << 20

// Socket hears of connections.
type Socket struct{ nfct *conntrack.Nfct }

// Open opens one in the network namespace of the calling thread. Without CAP_NET_ADMIN the error is EPERM; EPROTONOSUPPORT means that
// the kernel tracks no connections, or doesn't tell (nf_conntrack_netlink).
func Open() (*Socket, error) { return open(receiveBuffer) }

func open(buffer int) (*Socket, error) {
	nfct, err := conntrack.Open(&conntrack.Config{DisableNSLockThread: true})
	if err != nil {
		return nil, fmt.Errorf("open conntrack: %w", err)
	}
	s := &Socket{nfct}
	err = nfct.Con.SetReadBuffer(buffer)
	for _, group := range netfilter.GroupsCT {
		if err == nil {
			err = nfct.Con.JoinGroup(uint32(group))
		}
	}
	if err == nil {
		err = s.List() // also says whether the kernel knows of conntrack at all
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open conntrack: %w", err), s.Close())
	}
	return s, nil
}

// Descriptor is that of the socket, for the process that reads.
func (s *Socket) Descriptor() (fd int, err error) {
	raw, err := s.nfct.Con.SyscallConn()
	if err != nil {
		return 0, err
	}
	return fd, raw.Control(func(of uintptr) { fd = int(of) })
}

// List asks the kernel for all connections. Nothing is read here: the list comes by the socket.
func (s *Socket) List() error {
	_, err := s.nfct.Con.Send(netlink.Message{
		Header: netlink.Header{
			Type:  netlink.HeaderType(uint16(netfilter.NFSubsysCTNetlink)<<8 | messageGet),
			Flags: netlink.Request | netlink.Dump,
		},
		Data: []byte{unix.AF_UNSPEC, unix.NFNETLINK_V0, 0, 0},
	})
	if err != nil {
		return fmt.Errorf("ask for the list of connections: %w", err)
	}
	return nil
}

// Close closes it.
func (s *Socket) Close() error { return s.nfct.Close() }
