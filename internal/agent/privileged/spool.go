// SPDX-License-Identifier: Apache-2.0

package privileged

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/sandbox"
)

// shipUser is the user and the group of ship, which own the spool. Nobody else has this number: systemd leaves those
// from 65520 to 65533 unused, distributions too. nobody would not do: programs of others run as that.
const shipUser = 65533

// openSpool makes the spool's folder if it is missing, gives it to ship's user, and returns that user. Without the
// right to have another user ship has this process's, 0, and so has the spool.
func openSpool(path string) (user int, err error) {
	spool, err := openDirectory(path)
	if err != nil {
		return 0, err
	}
	defer spool.Close()
	var s unix.Stat_t
	if err := unix.Fstat(int(spool.Fd()), &s); err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	switch me := unix.Geteuid(); {
	case int(s.Uid) != me && !(me == 0 && s.Uid == shipUser):
		return 0, fmt.Errorf("%s belongs to another user (%d)", path, s.Uid)
	case s.Mode&0o022 != 0:
		return 0, fmt.Errorf("others may write to %s (chmod go-w %s)", path, path)
	case me != 0:
		return 0, nil
	}
	if sandbox.CanBecome() && give(spool, shipUser) == nil {
		return shipUser, nil
	}
	if err := give(spool, 0); err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	return 0, nil
}

// give gives a spool, its folders and their files to a user, who may be root or ship's; others' it leaves alone. The
// folder itself comes last, so that an interrupted change is done again.
func give(spool *os.File, user int) error {
	if err := giveFiles(spool, user, 2); err != nil {
		return err
	}
	return chown(spool, user)
}

// giveFiles gives the files in a folder to a user, and those in its folders, down to a depth.
func giveFiles(folder *os.File, user, depth int) error {
	fd, err := unix.Openat(int(folder.Fd()), ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open %s: %w", folder.Name(), err)
	}
	list := os.NewFile(uintptr(fd), folder.Name())
	names, err := list.Readdirnames(-1)
	if err = errors.Join(err, list.Close()); err != nil {
		return err
	}
	for _, name := range names {
		fd, err := unix.Openat(int(folder.Fd()), name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if errors.Is(err, unix.ENOENT) {
			continue
		}
		if err != nil {
			return fmt.Errorf("open %s: %w", name, err)
		}
		file := os.NewFile(uintptr(fd), name)
		err = giveFile(file, user, depth)
		if err = errors.Join(err, file.Close()); err != nil {
			return err
		}
	}
	return nil
}

func giveFile(file *os.File, user, depth int) error {
	var s unix.Stat_t
	if err := unix.Fstat(int(file.Fd()), &s); err != nil {
		return fmt.Errorf("%s: %w", file.Name(), err)
	}
	switch s.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		if depth > 0 {
			if err := giveFiles(file, user, depth-1); err != nil {
				return err
			}
		}
	case unix.S_IFREG:
		if s.Nlink != 1 { // it may have a name elsewhere, where its owner matters
			return nil
		}
	default:
		return nil
	}
	return chown(file, user)
}

// chown changes the owner from root to ship's user, or back.
func chown(file *os.File, to int) error {
	var s unix.Stat_t
	if err := unix.Fstat(int(file.Fd()), &s); err != nil {
		return fmt.Errorf("%s: %w", file.Name(), err)
	}
	if int(s.Uid) == to && int(s.Gid) == to || s.Uid != 0 && s.Uid != shipUser {
		return nil
	}
	if err := unix.Fchownat(int(file.Fd()), "", to, to, unix.AT_EMPTY_PATH); err != nil {
		return fmt.Errorf("give %s to user %d: %w", file.Name(), to, err)
	}
	return nil
}
