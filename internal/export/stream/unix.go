// SPDX-License-Identifier: Apache-2.0

package stream

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
)

// openUnix makes a Unix socket. Nobody can connect before it has its mode and group.
func (l *Listener) openUnix() (socket *os.File, remove func(), err error) {
	if err := os.MkdirAll(filepath.Dir(l.Address), 0o755); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", l, err)
	}
	listener, err := listenUnix(l.Address)
	if err != nil {
		return nil, nil, fmt.Errorf("listen at %s: %w", l, err)
	}
	defer listener.Close()
	listener.SetUnlinkOnClose(false)
	if l.Group >= 0 {
		err = os.Lchown(l.Address, -1, l.Group)
	}
	if err == nil {
		err = os.Chmod(l.Address, l.Mode)
	}
	if err == nil {
		socket, err = listener.File()
	}
	if err != nil {
		os.Remove(l.Address)
		return nil, nil, fmt.Errorf("%s: %w", l, err)
	}
	return socket, func() { os.Remove(l.Address) }, nil
}

// listenUnix binds a socket that only this user can open, in place of one where nobody listens.
func listenUnix(path string) (*net.UnixListener, error) {
	mask := unix.Umask(0o177)
	defer unix.Umask(mask)
	address := &net.UnixAddr{Name: path, Net: "unix"}
	listener, err := net.ListenUnix("unix", address)
	if !errors.Is(err, unix.EADDRINUSE) {
		return listener, err
	}
	info, statErr := os.Lstat(path)
	if statErr != nil || info.Mode()&os.ModeSocket == 0 {
		return nil, fmt.Errorf("%s exists, and is no socket", path)
	}
	c, dialErr := net.DialUnix("unix", nil, address)
	if dialErr == nil {
		c.Close()
		return nil, errors.New("another program listens there")
	}
	if !errors.Is(dialErr, unix.ECONNREFUSED) {
		return nil, err
	}
	if err := os.Remove(path); err != nil {
		return nil, err
	}
	return net.ListenUnix("unix", address)
}

// peer is who has connected to a Unix socket.
type peer struct {
	user   uint32
	groups []uint32
}

// peerOf asks the kernel who has connected.
func peerOf(c *net.UnixConn) (p peer, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return p, err
	}
	if controlErr := raw.Control(func(fd uintptr) {
		var of *unix.Ucred
		if of, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			p = peer{user: of.Uid, groups: append(peerGroups(int(fd)), of.Gid)}
		}
	}); controlErr != nil {
		return p, controlErr
	}
	return p, err
}

// peerGroups returns the supplementary groups of who has connected; none before Linux 4.13, and on 386, where the
// sandbox has no such call.
func peerGroups(fd int) (groups []uint32) {
	if runtime.GOARCH == "386" {
		return nil
	}
	var all [1024]uint32
	size := uint32(unsafe.Sizeof(all))
	if _, _, e := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_PEERGROUPS,
		uintptr(unsafe.Pointer(&all)), uintptr(unsafe.Pointer(&size)), 0); e != 0 {
		return nil
	}
	return append(groups, all[:min(int(size/4), len(all))]...)
}

// admits reports whether a peer may connect: root, the user who started weir, and whom the URL names, else whom the
// socket's mode admits. The kernel has asked the mode already, but not of who got the descriptor from another.
func (l *Listener) admits(p peer, owner uint32) bool {
	if p.user == 0 || p.user == owner {
		return true
	}
	if len(l.Users) > 0 {
		return slices.Contains(l.Users, p.user)
	}
	return l.Mode&0o006 != 0 || l.Mode&0o060 != 0 && l.Group >= 0 && slices.Contains(p.groups, uint32(l.Group))
}
