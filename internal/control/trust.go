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

// DefaultPath is the socket's place where none is given: for root /run/weir.sock, else in the user's runtime directory,
// else in a folder of the user's own among the temporary files.
func DefaultPath() string {
	if unix.Geteuid() == 0 {
		return "/run/weir.sock"
	}
	if folder := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(folder) && isOwn(folder) == nil {
		return filepath.Join(folder, "weir.sock")
	}
	return filepath.Join(ownFolder(), "weir.sock")
}

// ownFolder is where a user without a runtime directory has the socket. Anyone can make things of that name.
func ownFolder() string { return filepath.Join(os.TempDir(), fmt.Sprintf("weir-%d", unix.Geteuid())) }

// makeFolder makes the folder of the user's own if a socket is to be in it.
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

// checkFolder refuses what somebody else has put in the place of the folder of the user's own.
func checkFolder(path string) error {
	folder := filepath.Dir(path)
	if folder != ownFolder() {
		return nil
	}
	if err := isOwn(folder); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil // as nobody listens
}

// isOwn says what is wrong with a folder in which nobody else may make files.
func isOwn(folder string) error {
	var s unix.Stat_t
	if err := unix.Lstat(folder, &s); err != nil {
		return &os.PathError{Op: "lstat", Path: folder, Err: err}
	}
	switch {
	case s.Mode&unix.S_IFMT != unix.S_IFDIR:
		return fmt.Errorf("%s is no folder", folder)
	case int(s.Uid) != unix.Geteuid():
		return fmt.Errorf("%s belongs to another user (%d)", folder, s.Uid)
	case s.Mode&0o077 != 0:
		return fmt.Errorf("%s is open to others (chmod 700 %s)", folder, folder)
	}
	return nil
}

// checkPeer refuses an agent that neither root nor this user has started: whoever was there first may have made the
// socket, to be asked.
func checkPeer(c net.Conn, path string) error {
	raw, err := c.(*net.UnixConn).SyscallConn()
	if err != nil {
		return fmt.Errorf("ask weir: %w", err)
	}
	var of *unix.Ucred // of who has made the socket
	if controlErr := raw.Control(func(fd uintptr) {
		of, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET,
			unix.SO_PEERCRED)
	}); controlErr != nil {
		err = controlErr
	}
	if err != nil {
		return fmt.Errorf("ask weir: who answers at %s: %w", path, err)
	}
	return checkUser(of.Uid, path)
}

func checkUser(uid uint32, path string) error {
	if uid != 0 && int(uid) != unix.Geteuid() {
		return fmt.Errorf("not asked: the one who answers at %s was started by another user (%d), who could answer "+
			"anything", path, uid)
	}
	return nil
}

// Printable is a text with everything escaped that a terminal could take for an order, or that could hide what is
// beside it.
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
