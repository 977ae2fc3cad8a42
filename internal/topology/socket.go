// SPDX-License-Identifier: Apache-2.0

package topology

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// receiveBuffer is asked of the kernel for messages not yet read, in bytes. Without CAP_NET_ADMIN it grants at most
// net.core.rmem_max, by default room for some 100 messages; what does not fit costs a new list, see linkEvents.
const receiveBuffer = 4 << 20

// messageBuffer holds any one datagram: the kernel fills at most 32 KiB for a dump (netlink_recvmsg).
const messageBuffer = 64 << 10

// dial opens a socket in the network namespace of the descriptor netNS, or with 0 in the calling thread's.
func dial(netNS int) (*netlink.Conn, error) {
	return netlink.Dial(unix.NETLINK_ROUTE, &netlink.Config{NetNS: netNS, MessageBufferSize: messageBuffer})
}

// maxDumps is how often a list is asked for again that changed while the kernel was telling it, so that some may be
// missing.
const maxDumps = 10

// dump asks for a list, on a socket by which no events come. One that kept changing is given as it is in the end: an
// event will tell of the change.
func dump(conn *netlink.Conn, request netlink.Message) (messages []netlink.Message, err error) {
	for range maxDumps {
		messages, err = conn.Execute(request)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(messages, isInterrupted) {
			break
		}
	}
	return messages, nil
}

// isInterrupted says whether a list changed while the kernel was telling it.
func isInterrupted(m netlink.Message) bool { return m.Header.Flags&netlink.DumpInterrupted != 0 }

// awaitChanges puts one into changed for whatever comes by a socket, until ctx ends. It reads nothing while there is
// one: what the kernel throws away meanwhile is told by that one.
func awaitChanges(ctx context.Context, conn *netlink.Conn, changed chan<- struct{}) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return fmt.Errorf("follow routes: %w", err)
	}
	for {
		var failure error
		err := raw.Read(func(fd uintptr) bool {
			var some bool
			some, _, failure = discard(int(fd))
			return some || failure != nil
		})
		switch err := errors.Join(err, failure); {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return fmt.Errorf("follow routes: %w", err)
		}
		select {
		case changed <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
	}
}

// drain throws away all that is in a socket, and returns when it was empty for a moment.
func drain(ctx context.Context, conn *netlink.Conn) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	for isEmpty := false; !isEmpty && ctx.Err() == nil; {
		var failure error
		if err := raw.Read(func(fd uintptr) bool {
			_, isEmpty, failure = discard(int(fd))
			return true
		}); err != nil && ctx.Err() == nil {
			return err
		}
		if failure != nil {
			return failure
		}
	}
	return nil
}

// maxDiscard bounds the messages that one discard takes: in a storm more come all the time.
const maxDiscard = 4096

// discard throws away what is in a socket, and says whether there was some, or had been some that the kernel had no
// room for (ENOBUFS), and whether the socket is empty now.
func discard(fd int) (some, isEmpty bool, err error) {
	var b [1]byte // the kernel throws away what doesn't fit
	for range maxDiscard {
		switch _, _, err := unix.Recvfrom(fd, b[:], unix.MSG_DONTWAIT); {
		case errors.Is(err, unix.EAGAIN):
			return some, true, nil
		case err == nil || errors.Is(err, unix.ENOBUFS):
			some = true
		case !errors.Is(err, unix.EINTR):
			return some, false, err
		}
	}
	return some, false, nil
}
