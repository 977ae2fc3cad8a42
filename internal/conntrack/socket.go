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

// receiveBuffer is the requested size, in bytes, of the kernel's buffer for unread events: about 10,000 fit.
const receiveBuffer = 8 << 20

// Socket receives connection events. It stays out of the Go runtime's poller: each event would wake this process, which
// reads none.
type Socket struct{ fd int }

// Open opens a Socket in the network namespace of the calling thread. Without CAP_NET_ADMIN the error is EPERM;
// EPROTONOSUPPORT means that the kernel tracks no connections, or lacks nf_conntrack_netlink.
func Open() (*Socket, error) { return open(receiveBuffer) }

func open(buffer int) (s *Socket, err error) {
	nfct, err := conntrack.Open(&conntrack.Config{DisableNSLockThread: true})
	if err != nil {
		return nil, fmt.Errorf("open conntrack: %w", err)
	}
	defer nfct.Close() // leaves the poller; s has a duplicate
	err = nfct.Con.SetReadBuffer(buffer)
	for _, group := range netfilter.GroupsCT {
		if err == nil {
			err = nfct.Con.JoinGroup(uint32(group))
		}
	}
	if err == nil {
		s, err = copyOf(nfct.Con)
	}
	if err != nil {
		return nil, fmt.Errorf("open conntrack: %w", err)
	}
	if err := s.List(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func copyOf(conn *netlink.Conn) (*Socket, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	s := &Socket{}
	var failure error
	err = raw.Control(func(fd uintptr) { s.fd, failure = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0) })
	return s, errors.Join(err, failure)
}

// Descriptor returns the socket's descriptor, for the process that reads.
func (s *Socket) Descriptor() int { return s.fd }

// List requests a dump of all connections, which the reader of the socket receives.
func (s *Socket) List() error {
	request := netlink.Message{
		Header: netlink.Header{
			Type:     netlink.HeaderType(uint16(netfilter.NFSubsysCTNetlink)<<8 | messageGet),
			Flags:    netlink.Request | netlink.Dump,
			Sequence: 1,
		},
		Data: []byte{unix.AF_UNSPEC, unix.NFNETLINK_V0, 0, 0},
	}
	request.Header.Length = uint32(unix.SizeofNlMsghdr + len(request.Data))
	message, err := request.MarshalBinary()
	if err == nil {
		err = unix.Sendto(s.fd, message, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
	}
	if err != nil {
		return fmt.Errorf("request the dump of connections: %w", err)
	}
	return nil
}

// Close closes the socket.
func (s *Socket) Close() error { return unix.Close(s.fd) }
