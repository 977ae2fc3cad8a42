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

// receiveBuffer is the requested size, in bytes, of the kernel's buffer for unread messages. Without CAP_NET_ADMIN the
// kernel grants at most net.core.rmem_max, by default room for some 100 messages; an overflow costs a new dump, see
// linkEvents.
const receiveBuffer = 4 << 20

// messageBuffer holds any datagram: the kernel fills at most 32 KiB for a dump (netlink_recvmsg).
const messageBuffer = 64 << 10

// dial opens a socket in the network namespace of the descriptor netNS; 0 means the calling thread's.
func dial(netNS int) (*netlink.Conn, error) {
	return netlink.Dial(unix.NETLINK_ROUTE, &netlink.Config{NetNS: netNS, MessageBufferSize: messageBuffer})
}

// maxDumps bounds the attempts at a dump that is not interrupted: if entries change during a dump, it may lack some.
const maxDumps = 10

// dump executes a dump request on a socket without events. It returns the last attempt even if that was interrupted: an
// event of the change follows.
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

// isInterrupted reports whether entries changed during the dump.
func isInterrupted(m netlink.Message) bool { return m.Header.Flags&netlink.DumpInterrupted != 0 }

// awaitChanges puts one into changed after any message on a socket, until ctx ends. While changed is full it reads
// nothing: that one also stands for messages that the kernel drops meanwhile.
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

// drain discards all messages of a socket, and returns when the socket was empty.
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

// maxDiscard bounds the messages of one discard: in a storm more arrive all the time.
const maxDiscard = 4096

// discard reads and drops the messages of a socket. some reports whether any came, or the kernel dropped any (ENOBUFS);
// isEmpty, whether the socket is now empty.
func discard(fd int) (some, isEmpty bool, err error) {
	var b [1]byte // the kernel truncates a message to it
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
