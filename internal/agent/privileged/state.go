// SPDX-License-Identifier: Apache-2.0

package privileged

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/agent"
	"github.com/weirnet/weir/internal/hosts"
)

// stateFiles are the files with the list of devices, in the process that may open files.
type stateFiles struct{ files []*os.File }

// openState makes the directory and opens the files. A lock keeps a second weir out.
func openState(o *agent.Options) (*stateFiles, error) {
	s := &stateFiles{}
	if o.State == "" {
		return s, nil
	}
	directory, err := openStateDirectory(o.State)
	if err != nil {
		return nil, fmt.Errorf("--state: %w", err)
	}
	defer directory.Close()
	for _, name := range agent.StateFiles {
		f, err := openStateFile(directory, filepath.Join(o.State, name))
		if err != nil {
			return nil, errors.Join(fmt.Errorf("--state: %w", err), s.Close())
		}
		s.files = append(s.files, f)
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
			return nil, errors.Join(fmt.Errorf("--state %s: another weir uses it (%w)", o.State, err), s.Close())
		}
		if err := claim(f); err != nil {
			return nil, errors.Join(fmt.Errorf("--state: %w", err), s.Close())
		}
	}
	return s, nil
}

// Any local user may have made the directory, or files in it, before weir did, while this process may write to any
// file. So weir follows no link of another user, and writes to no file that others own or may write.

// maxLinks bounds a path's symbolic links, as in the kernel (MAXSYMLINKS).
const maxLinks = 40

// openStateDirectory opens a directory in which nobody else may make files.
func openStateDirectory(path string) (*os.File, error) {
	directory, err := openDirectory(path)
	if err != nil {
		return nil, err
	}
	if err := checkStateDirectory(directory, path); err != nil {
		return nil, errors.Join(err, directory.Close())
	}
	return directory, nil
}

// openDirectory opens a directory, component by component. It makes the last one if that is missing, and no other: the
// path may be mistyped.
func openDirectory(path string) (*os.File, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	at, err := os.Open("/")
	if err != nil {
		return nil, err
	}
	rest, walked := strings.Split(absolute, "/"), "/"
	for links := 0; len(rest) > 0; {
		name := rest[0]
		rest = rest[1:]
		if name == "" || name == "." {
			continue
		}
		isLast := !slices.ContainsFunc(rest, func(n string) bool { return n != "" && n != "." })
		next, target, err := enter(at, name, isLast)
		if errors.Is(err, unix.ENOENT) && !isLast {
			err = fmt.Errorf("%s does not exist", filepath.Join(walked, name))
		}
		if err != nil {
			at.Close()
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if next != nil {
			at.Close()
			at, walked = next, filepath.Join(walked, name)
			continue
		}
		if links++; links > maxLinks {
			at.Close()
			return nil, fmt.Errorf("%s: %w", path, unix.ELOOP)
		}
		if rest = append(strings.Split(target, "/"), rest...); filepath.IsAbs(target) {
			root, err := os.Open("/")
			if err != nil {
				return nil, errors.Join(err, at.Close())
			}
			at.Close()
			at, walked = root, "/"
		}
	}
	return at, nil
}

// enter opens a directory in another one, or makes it if it may; for a symbolic link it returns the target instead.
func enter(at *os.File, name string, mayMake bool) (next *os.File, target string, err error) {
	const flags = unix.O_PATH | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC
	fd, err := unix.Openat(int(at.Fd()), name, flags, 0)
	if errors.Is(err, unix.ENOENT) && mayMake {
		if err := unix.Mkdirat(int(at.Fd()), name, 0o700); err != nil && !errors.Is(err, unix.EEXIST) {
			return nil, "", fmt.Errorf("make %s: %w", name, err)
		}
		fd, err = unix.Openat(int(at.Fd()), name, flags, 0)
	}
	if err == nil {
		return os.NewFile(uintptr(fd), name), "", nil
	}
	if !errors.Is(err, unix.ELOOP) && !errors.Is(err, unix.ENOTDIR) {
		return nil, "", fmt.Errorf("open %s: %w", name, err)
	}
	var s unix.Stat_t
	if err := unix.Fstatat(int(at.Fd()), name, &s, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return nil, "", fmt.Errorf("%s: %w", name, err)
	}
	if s.Mode&unix.S_IFMT != unix.S_IFLNK {
		return nil, "", fmt.Errorf("%s is not a directory", name)
	}
	if s.Uid != 0 && int(s.Uid) != unix.Geteuid() {
		return nil, "", fmt.Errorf("%s is a symbolic link of another user (%d)", name, s.Uid)
	}
	buffer := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(int(at.Fd()), name, buffer)
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", name, err)
	}
	return nil, string(buffer[:n]), nil
}

// checkStateDirectory refuses a directory in which others can make files.
func checkStateDirectory(directory *os.File, path string) error {
	var s unix.Stat_t
	if err := unix.Fstat(int(directory.Fd()), &s); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if int(s.Uid) != unix.Geteuid() {
		return fmt.Errorf("%s belongs to another user (%d): weir keeps its list in a directory of its own", path, s.Uid)
	}
	if s.Mode&0o022 != 0 {
		return fmt.Errorf("others may write to %s (chmod go-w %s)", path, path)
	}
	return nil
}

// openStateFile opens or makes a file in the directory. It refuses anything but a regular file of this user alone.
func openStateFile(directory *os.File, path string) (*os.File, error) {
	const flags = unix.O_RDWR | unix.O_CREAT | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC
	fd, err := unix.Openat(int(directory.Fd()), filepath.Base(path), flags, 0o600)
	if errors.Is(err, unix.ELOOP) {
		return nil, fmt.Errorf("%s is a symbolic link", path)
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	var s unix.Stat_t
	if err = unix.Fstat(fd, &s); err == nil {
		err = unix.SetNonblock(fd, false) // O_NONBLOCK is for the open only, which would wait for a FIFO's other end
	}
	f := os.NewFile(uintptr(fd), path)
	switch {
	case err != nil:
		err = fmt.Errorf("%s: %w", path, err)
	case s.Mode&unix.S_IFMT != unix.S_IFREG:
		err = fmt.Errorf("%s is not a regular file", path)
	case int(s.Uid) != unix.Geteuid():
		err = fmt.Errorf("%s belongs to another user (%d)", path, s.Uid)
	case s.Nlink != 1:
		err = fmt.Errorf("%s has other names (hard links)", path)
	case s.Mode&0o022 != 0:
		err = fmt.Errorf("others may write to %s (chmod go-w)", path)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// claim refuses a file with other contents, and makes an empty one a list of devices.
func claim(f *os.File) error {
	head := make([]byte, len(hosts.EmptyFile))
	n, err := f.ReadAt(head, 0)
	switch {
	case n == 0:
		_, err := f.WriteAt([]byte(hosts.EmptyFile), 0)
		return err
	case !hosts.IsFile(head[:n]):
		return fmt.Errorf("%s exists and is not a list of devices: weir leaves it alone", f.Name())
	case n < len(head):
		return nil
	}
	return err
}

// add passes the files to the confined process.
func (s *stateFiles) add(e *agent.Descriptors) {
	for i, f := range s.files {
		e.Add(agent.StateFiles[i], int(f.Fd()))
	}
}

// Close closes the files; the confined process has its own descriptors.
func (s *stateFiles) Close() error {
	var errs error
	for _, f := range s.files {
		errs = errors.Join(errs, f.Close())
	}
	return errs
}
