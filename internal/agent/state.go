// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/hosts"
)

// stateFiles are the files in which the list of devices is kept, as the process has them that may open files.
type stateFiles struct{ files []*os.File }

// stateNames are two files, so that one is whole at any moment.
var stateNames = []string{"hosts.0", "hosts.1"}

// openState makes the directory and the files. Only one weir at a time has them.
func openState(o *Options) (*stateFiles, error) {
	s := &stateFiles{}
	if o.State == "" {
		return s, nil
	}
	if err := os.MkdirAll(o.State, 0o700); err != nil {
		return nil, fmt.Errorf("--state: %w", err)
	}
	for _, name := range stateNames {
		f, err := os.OpenFile(filepath.Join(o.State, name), os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("--state: %w", err), s.Close())
		}
		s.files = append(s.files, f)
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
			return nil, errors.Join(fmt.Errorf("--state %s: another weir uses it (%w)", o.State, err), s.Close())
		}
	}
	return s, nil
}

// add has the confined process get the files.
func (s *stateFiles) add(e *extras) {
	for i, f := range s.files {
		e.add(stateNames[i], int(f.Fd()))
	}
}

// Close closes them. The confined process has its own.
func (s *stateFiles) Close() error {
	var errs error
	for _, f := range s.files {
		errs = errors.Join(errs, f.Close())
	}
	return errs
}

// loadState takes over the files' descriptors, and fills the table with what was saved.
func (u *surroundings) loadState(descriptors []int, log func(string, ...any)) {
	var files []hosts.File
	for i, fd := range descriptors {
		files = append(files, os.NewFile(uintptr(fd), stateNames[i]))
	}
	store, err := hosts.Load(u.hosts, files[0], files[1])
	if err != nil {
		log("the list of devices begins anew: %v", err)
	}
	u.store = store
}

// saveState writes the devices, where there are files for them.
func (u *surroundings) saveState(log func(string, ...any)) {
	if u.store == nil {
		return
	}
	if err := u.store.Save(u.hosts); err != nil {
		log("the list of devices was not saved: %v", err)
	}
}
