// SPDX-License-Identifier: Apache-2.0

package ship

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// seals keep a report from changing while another process reads it.
const seals = unix.F_SEAL_WRITE | unix.F_SEAL_GROW | unix.F_SEAL_SHRINK | unix.F_SEAL_SEAL

// NewSocketPair makes the sockets between the two processes. Whoever keeps copies of both keeps the messages between
// them through a death of either process.
func NewSocketPair() (confined, ship *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("socketpair: %w", err)
	}
	return os.NewFile(uintptr(fds[0]), "socket to ship"), os.NewFile(uintptr(fds[1]), "socket of ship"), nil
}

// takeSocket makes a connection of a descriptor, which it takes over.
func takeSocket(fd int) (*net.UnixConn, error) {
	file := os.NewFile(uintptr(fd), "socket to ship")
	defer file.Close() // the connection has a duplicate
	conn, err := net.FileConn(file)
	if err != nil {
		return nil, err
	}
	c, ok := conn.(*net.UnixConn)
	if !ok {
		conn.Close()
		return nil, errors.New("it is no Unix socket")
	}
	return c, nil
}

// seal puts a report's line in a memfd that nobody can change.
func seal(line []byte) (*os.File, error) {
	fd, err := unix.MemfdCreate("report", unix.MFD_CLOEXEC|unix.MFD_NOEXEC_SEAL) // since Linux 6.3
	if errors.Is(err, unix.EINVAL) {
		fd, err = unix.MemfdCreate("report", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	}
	if err != nil {
		return nil, fmt.Errorf("memfd_create: %w", err)
	}
	file := os.NewFile(uintptr(fd), "report")
	if _, err = file.Write(line); err == nil {
		_, err = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals)
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// unseal reads the line of a report of that size.
func unseal(fd int, size uint32) ([]byte, error) {
	if have, err := unix.FcntlInt(uintptr(fd), unix.F_GET_SEALS, 0); err != nil || have&seals != seals {
		return nil, errors.New("a report in a file that is not sealed")
	}
	var s unix.Stat_t
	if err := unix.Fstat(fd, &s); err != nil {
		return nil, fmt.Errorf("size of a report: %w", err)
	}
	if s.Size != int64(size) {
		return nil, fmt.Errorf("report of %d bytes, not %d", s.Size, size)
	}
	line := make([]byte, size)
	for at := 0; at < len(line); {
		n, err := unix.Pread(fd, line[at:], int64(at))
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return nil, fmt.Errorf("read a report: %w", err)
		case n == 0:
			return nil, io.ErrUnexpectedEOF
		}
		at += n
	}
	return line, nil
}

// send sends a message with a descriptor, none if it is negative, without waiting. Its error is EAGAIN if the socket
// is full.
func send(conn *net.UnixConn, message []byte, fd int) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var rights []byte
	if fd >= 0 {
		rights = unix.UnixRights(fd)
	}
	var sent error
	err = raw.Write(func(to uintptr) bool {
		for {
			sent = unix.Sendmsg(int(to), message, rights, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
			if !errors.Is(sent, unix.EINTR) {
				return true
			}
		}
	})
	return errors.Join(err, sent)
}

// receive reads a message with its descriptor, -1 if it has none. A message that is too long is cut, and no message.
func receive(conn *net.UnixConn, buffer, control []byte) (message []byte, fd int, err error) {
	n, controlLength, _, _, err := conn.ReadMsgUnix(buffer, control)
	if err == nil && n == 0 {
		err = io.EOF
	}
	if err != nil {
		return nil, -1, err
	}
	return buffer[:n], takeDescriptor(control[:controlLength]), nil
}

// peek waits for a message like receive, and leaves it in the socket. Its descriptor is a duplicate.
func peek(conn *net.UnixConn, buffer, control []byte) (message []byte, fd int, err error) {
	return peekBy(conn, syscall.RawConn.Read, buffer, control)
}

// peekNow is peek without waiting, also after the deadline: without a message its error is EAGAIN.
func peekNow(conn *net.UnixConn, buffer, control []byte) (message []byte, fd int, err error) {
	return peekBy(conn, func(raw syscall.RawConn, look func(from uintptr) bool) error {
		return raw.Control(func(from uintptr) { look(from) })
	}, buffer, control)
}

func peekBy(conn *net.UnixConn, call func(syscall.RawConn, func(from uintptr) bool) error, buffer, control []byte) (
	message []byte, fd int, err error,
) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, -1, err
	}
	n, controlLength := 0, 0
	var received error
	err = call(raw, func(from uintptr) bool {
		n, controlLength, _, _, received = unix.Recvmsg(int(from), buffer, control,
			unix.MSG_PEEK|unix.MSG_DONTWAIT|unix.MSG_CMSG_CLOEXEC)
		return !errors.Is(received, unix.EAGAIN)
	})
	switch err = cmp.Or(err, received); {
	case err != nil:
		return nil, -1, err
	case n == 0:
		return nil, -1, io.EOF
	}
	return buffer[:n], takeDescriptor(control[:controlLength]), nil
}

// remove removes the message that peek returned from the socket. The kernel closes its descriptor.
func remove(conn *net.UnixConn) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var removed error
	err = raw.Control(func(from uintptr) {
		_, _, _, _, removed = unix.Recvmsg(int(from), make([]byte, 1), nil, unix.MSG_DONTWAIT)
	})
	return cmp.Or(err, removed)
}

// Discard removes the first message from the socket of a ship that does not run, and reports whether there was one.
func Discard(socket *os.File) bool {
	n, _, _, _, err := unix.Recvmsg(int(socket.Fd()), make([]byte, 1), nil, unix.MSG_DONTWAIT)
	return err == nil && n > 0
}

// takeDescriptor returns the first descriptor of control data, -1 without one, and closes others.
func takeDescriptor(control []byte) (fd int) {
	fd = -1
	messages, _ := unix.ParseSocketControlMessage(control)
	for i := range messages {
		rights, _ := unix.ParseUnixRights(&messages[i])
		for _, r := range rights {
			if fd < 0 {
				fd = r
			} else {
				unix.Close(r)
			}
		}
	}
	return fd
}

// controlSize has room for more descriptors than one, so that receive can close those.
var controlSize = unix.CmsgSpace(4 * 4)
