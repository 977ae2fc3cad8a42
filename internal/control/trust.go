// SPDX-License-Identifier: Apache-2.0

package control

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// rootPath is the socket of a weir that root has started; ServicePath is that of the service, which has a user of its
// own, in the folder that the service manager makes for it.
const rootPath, ServicePath = "/run/weir.sock", "/run/weir/weir.sock"

// DefaultPath returns the place at which to ask: the one of ListenPath, and for root the service's, if only that is
// there.
func DefaultPath() string {
	path := ListenPath()
	if path == rootPath && !isSocket(rootPath) && isSocket(ServicePath) {
		return ServicePath
	}
	return path
}

func isSocket(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.Mode().Type() == os.ModeSocket
}

// ListenPath returns the default place of an agent's socket: for root /run/weir.sock, else in the user's runtime
// directory, else in the user's own directory among the temporary files.
func ListenPath() string {
	if unix.Geteuid() == 0 {
		return rootPath
	}
	if folder := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(folder) && isOwn(folder) == nil {
		return filepath.Join(folder, "weir.sock")
	}
	return filepath.Join(ownFolder(), "weir.sock")
}

// ownFolder returns the directory for the socket of a user without a runtime directory. Any user can make one of that
// name.
func ownFolder() string { return filepath.Join(os.TempDir(), fmt.Sprintf("weir-%d", unix.Geteuid())) }

// makeFolder makes the user's own directory if path is in it.
func makeFolder(path string) error {
	folder := filepath.Dir(path)
	if folder != ownFolder() {
		return nil
	}
	if err := os.Mkdir(folder, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return isOwn(folder)
}

// checkFolder refuses another user's file or directory in the place of the user's own.
func checkFolder(path string) error {
	folder := filepath.Dir(path)
	if folder != ownFolder() {
		return nil
	}
	if err := isOwn(folder); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil // nobody listens
}

// isOwn returns an error unless only this user can make files in a directory.
func isOwn(folder string) error {
	var s unix.Stat_t
	if err := unix.Lstat(folder, &s); err != nil {
		return &os.PathError{Op: "lstat", Path: folder, Err: err}
	}
	switch {
	case s.Mode&unix.S_IFMT != unix.S_IFDIR:
		return fmt.Errorf("%s is not a directory", folder)
	case int(s.Uid) != unix.Geteuid():
		return fmt.Errorf("%s belongs to another user (%d)", folder, s.Uid)
	case s.Mode&0o077 != 0:
		return fmt.Errorf("%s is open to others (chmod 700 %s)", folder, folder)
	}
	return nil
}

// checkPeer refuses an agent that neither root nor this user started, unless root made the socket's folder for its
// user: another user may have made the socket first, to receive the questions.
func checkPeer(c net.Conn, path string) error {
	of, err := maker(c)
	if err != nil {
		return fmt.Errorf("ask weir: get the user that answers at %s: %w", path, err)
	}
	return checkUser(of.Uid, path)
}

// maker returns the process that made the socket of a connection.
func maker(c net.Conn) (of *unix.Ucred, err error) {
	raw, err := c.(*net.UnixConn).SyscallConn()
	if err != nil {
		return nil, err
	}
	if controlErr := raw.Control(func(fd uintptr) {
		of, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET,
			unix.SO_PEERCRED)
	}); controlErr != nil {
		err = controlErr
	}
	return of, err
}

// Owner returns the ID of the process that takes signals for the weir at a path: the one that made the socket.
func Owner(path string) (pid int, err error) {
	c, err := dial(path)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	of, err := maker(c)
	if err != nil {
		return 0, fmt.Errorf("ask weir: %w", err)
	}
	if of.Pid <= 0 {
		return 0, errors.New("weir runs where its process has no number here: in another container, or on the host")
	}
	return int(of.Pid), nil
}

func checkUser(uid uint32, path string) error {
	if uid != 0 && int(uid) != unix.Geteuid() && !isGiven(filepath.Dir(path), uid) {
		return fmt.Errorf("refused: another user (%d) started the program that answers at %s, and could answer "+
			"anything", uid, path)
	}
	return nil
}

// isGiven reports whether root has given a folder to a user: the user alone may make files in it, and only root may
// make one in the folder above.
func isGiven(folder string, uid uint32) bool {
	return isOnlyOf(folder, uid) && isOnlyOf(filepath.Dir(folder), 0)
}

// isOnlyOf reports whether only a user, and root, can make files in a directory.
func isOnlyOf(folder string, uid uint32) bool {
	var s unix.Stat_t
	return unix.Lstat(folder, &s) == nil && s.Mode&unix.S_IFMT == unix.S_IFDIR && s.Uid == uid && s.Mode&0o022 == 0
}

// Printable escapes everything in a text that a terminal could take for a command, or that could hide other text.
func Printable(text string) string {
	isPlain := func(r rune, n int) bool { return unicode.IsPrint(r) && (r != utf8.RuneError || n > 1) }
	var b strings.Builder
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		if isPlain(r, n) {
			b.WriteString(text[i : i+n])
		} else {
			for _, c := range []byte(text[i : i+n]) {
				fmt.Fprintf(&b, "\\x%02x", c)
			}
		}
		i += n
	}
	return b.String()
}
