// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// folder is all that a spool does to its files. Names are relative, and have one slash at most.
type folder interface {
	// create makes a file that does not exist yet, for this user alone.
	create(name string) (file, error)
	open(name string) (io.ReadCloser, error)
	rename(from, to string) error
	remove(name string) error
	mkdir(name string) error
	// list returns the files of a folder; "." is the spool itself.
	list(name string) ([]entry, error)
	// syncFolder makes durable what was created, renamed and removed in a folder.
	syncFolder(name string) error
	close() error
}

// file is a new file.
type file interface {
	io.Writer
	Sync() error
	Close() error
}

// entry is a file of a folder.
type entry struct {
	name     string
	size     int64
	modified time.Time
}

// ErrInUse is that of a folder that another process has as its spool.
var ErrInUse = errors.New("another process uses this spool")

// realFolder is a folder of the system.
type realFolder struct {
	root *os.Root
	lock *os.File
}

// openFolder opens the folder, and makes it if it is missing, for this process alone.
func openFolder(path string) (*realFolder, error) {
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, err
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	lock, err := root.Open(".")
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	f := &realFolder{root: root, lock: lock}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); errors.Is(err, unix.EWOULDBLOCK) {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, ErrInUse), f.close())
	} // Another error: the file system has no locks.
	return f, nil
}

func (f *realFolder) create(name string) (file, error) {
	return f.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
}

func (f *realFolder) open(name string) (io.ReadCloser, error) { return f.root.Open(name) }
func (f *realFolder) rename(from, to string) error            { return f.root.Rename(from, to) }
func (f *realFolder) remove(name string) error                { return f.root.Remove(name) }

func (f *realFolder) mkdir(name string) error {
	if err := f.root.Mkdir(name, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return nil
}

func (f *realFolder) list(name string) ([]entry, error) {
	d, err := f.root.Open(name)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	found, err := d.ReadDir(-1)
	var all []entry
	for _, e := range found {
		if info, err := f.root.Lstat(name + "/" + e.Name()); err == nil && info.Mode().IsRegular() {
			all = append(all, entry{e.Name(), info.Size(), info.ModTime()})
		}
	}
	return all, err
}

func (f *realFolder) syncFolder(name string) error {
	d, err := f.root.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (f *realFolder) close() error { return errors.Join(f.lock.Close(), f.root.Close()) }
