// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"bytes"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"syscall"
	"time"
)

// disk is a model of a folder on a disk whose kernel may die, whose power may fail, and whose operations may fail. Only
// what was synced survives a power cut for certain; of the rest, any part may.
type disk struct {
	random *rand.Rand
	now    func() time.Time

	names   map[string]*inode // as the running kernel sees them
	durable map[string]*inode // as the disk has them for certain
	pending []func(map[string]*inode)

	fault    float64 // probability that an operation fails
	capacity int     // bytes; 0: endless
	readOnly bool
	reads    map[string]int // failed reads of a file in succession
	// crashAfter counts the steps until the process dies; negative: never.
	crashAfter int
	// Syncs that do nothing, and say that they did: a test that does not notice is no test.
	isLiarOfFiles, isLiarOfNames bool
	steps                        int
}

type inode struct {
	content  []byte
	synced   []byte
	isSynced bool // the last Sync was a success, and nothing was written since
	modified time.Time
}

func newDisk(random *rand.Rand, now func() time.Time) *disk {
	return &disk{random: random, now: now, names: map[string]*inode{}, durable: map[string]*inode{},
		reads: map[string]int{}, crashAfter: -1}
}

// crash is the panic of a process that dies.
type crash struct{}

// step is called before and after each change.
func (d *disk) step() {
	d.steps++
	if d.crashAfter > 0 {
		d.crashAfter--
	}
	if d.crashAfter == 0 {
		d.crashAfter = -1
		panic(crash{})
	}
}

func (d *disk) fails() bool { return d.fault > 0 && d.random.Float64() < d.fault }

// do performs a change of names, which may fail, also after it was performed.
func (d *disk) do(change func(map[string]*inode)) error {
	d.step()
	if d.readOnly {
		return syscall.EROFS
	}
	fails := d.fails()
	if !fails || d.random.IntN(4) == 0 {
		change(d.names)
		d.pending = append(d.pending, change)
	}
	d.step()
	if fails {
		return syscall.EIO
	}
	return nil
}

func (d *disk) used() (n int) {
	for _, i := range d.names {
		n += len(i.content)
	}
	return n
}

func (d *disk) create(name string) (file, error) {
	if _, ok := d.names[name]; ok {
		return nil, fs.ErrExist
	}
	i := &inode{modified: d.now()}
	if err := d.do(func(names map[string]*inode) { names[name] = i }); err != nil {
		return nil, err
	}
	return &modelFile{d, i}, nil
}

type modelFile struct {
	disk  *disk
	inode *inode
}

func (f *modelFile) Write(b []byte) (int, error) {
	f.disk.step()
	n, err := len(b), error(nil)
	switch {
	case f.disk.readOnly:
		n, err = 0, syscall.EROFS
	case f.disk.capacity > 0 && f.disk.used()+n > f.disk.capacity:
		n, err = max(0, f.disk.capacity-f.disk.used()), syscall.ENOSPC
	case f.disk.fails():
		n, err = f.disk.random.IntN(len(b)+1), syscall.EIO
	}
	f.inode.content, f.inode.isSynced = append(f.inode.content, b[:n]...), false
	f.disk.step()
	return n, err
}

// Sync drops what it can't write: the next Sync succeeds, and the disk has something else.
func (f *modelFile) Sync() error {
	f.disk.step()
	if f.disk.isLiarOfFiles {
		return nil
	}
	if f.disk.fails() {
		f.inode.synced = f.disk.torn(f.inode.content)
		f.inode.isSynced = true
		return syscall.EIO
	}
	if !f.inode.isSynced {
		f.inode.synced, f.inode.isSynced = slices.Clone(f.inode.content), true
	}
	f.disk.step()
	return nil
}

func (f *modelFile) Close() error { return nil }

// torn returns what a disk may have of bytes that were never synced.
func (d *disk) torn(b []byte) []byte {
	t := slices.Clone(b[:d.random.IntN(len(b)+1)])
	if len(t) > 0 && d.random.IntN(2) == 0 {
		clear(t[d.random.IntN(len(t)):])
	}
	return t
}

func (d *disk) open(name string) (io.ReadCloser, error) {
	i, ok := d.names[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	if d.reads[name] < maxReads-1 && d.fails() {
		d.reads[name]++
		return nil, syscall.EIO
	}
	delete(d.reads, name)
	return io.NopCloser(bytes.NewReader(i.content)), nil
}

func (d *disk) rename(from, to string) error {
	i, ok := d.names[from]
	if !ok {
		return fs.ErrNotExist
	}
	return d.do(func(names map[string]*inode) {
		delete(names, from)
		names[to] = i
	})
}

func (d *disk) remove(name string) error {
	if _, ok := d.names[name]; !ok {
		return fs.ErrNotExist
	}
	return d.do(func(names map[string]*inode) { delete(names, name) })
}

func (d *disk) mkdir(string) error { return nil }

func (d *disk) list(folder string) (all []entry, err error) {
	if d.fails() {
		return nil, syscall.EIO
	}
	for _, name := range slices.Sorted(maps.Keys(d.names)) {
		if i := d.names[name]; path.Dir(name) == folder {
			all = append(all, entry{path.Base(name), int64(len(i.content)), i.modified})
		}
	}
	return all, nil
}

// syncFolder makes all names durable: the folders of the model are one.
func (d *disk) syncFolder(string) error {
	d.step()
	if d.isLiarOfNames {
		return nil
	}
	if d.fails() {
		return syscall.EIO
	}
	for _, change := range d.pending {
		change(d.durable)
	}
	d.pending = nil
	d.step()
	return nil
}

func (d *disk) close() error { return nil }

// cut is a power cut: of the pending changes, some are lost; of contents that were not synced, some part.
func (d *disk) cut() {
	for _, change := range d.pending {
		if d.random.IntN(2) == 0 {
			change(d.durable)
		}
	}
	d.pending = nil
	names := map[string]*inode{}
	for name, i := range d.durable {
		j := &inode{content: i.synced, synced: i.synced, isSynced: true, modified: i.modified}
		if !i.isSynced {
			j.content = d.torn(i.content)
			j.synced = j.content
		}
		names[name] = j
	}
	d.names, d.durable = names, maps.Clone(names)
}
