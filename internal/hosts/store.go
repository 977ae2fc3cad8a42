// SPDX-License-Identifier: Apache-2.0

package hosts

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/netip"
	"slices"
	"time"

	"github.com/weirnet/weir/internal/identify"
	"github.com/weirnet/weir/internal/record"
)

// Store keeps a table in two files, of which one is whole at any moment: each saving overwrites the older one, in place, since the
// process that does it can't make files.
type Store struct {
	files    [2]File
	sequence uint64
}

// File is what a Store needs of a file.
type File interface {
	io.ReadWriteSeeker
	Sync() error
}

// header is a file's first line.
type header struct {
	Sequence uint64 `json:"sequence"`
	Length   int    `json:"length"` // of what follows; what is behind that is of an older, longer list
	CRC32    uint32 `json:"crc32"`
}

// saved is a device in a file.
type saved struct {
	MAC       string              `json:"mac,omitempty"`
	Addr      netip.Addr          `json:"addr,omitzero"`
	Addresses []Address           `json:"addresses"`
	Names     []Name              `json:"names,omitempty"`
	Evidence  []identify.Evidence `json:"evidence,omitempty"`
	Link      string              `json:"interface,omitempty"`
	Router    netip.Addr          `json:"router,omitzero"`
	IsRouter  bool                `json:"is_router,omitempty"`
	First     time.Time           `json:"first_seen"`
	Last      time.Time           `json:"last_seen"`
}

// maxFile bounds what is read: 4,096 devices with all that is kept of each.
const maxFile = 64 << 20

// errBroken is a file that was not written to its end, or is none of ours.
var errBroken = errors.New("the list of devices is broken")

// Load reads the newer of both files into the table, and returns the store for saving. Files that are empty are new. Where neither can be
// read, the error says why, and the store begins anew.
func Load(t *Table, a, b File) (*Store, error) {
	s := &Store{files: [2]File{a, b}}
	var newest []saved
	var errs error
	for _, f := range s.files {
		sequence, list, err := read(f)
		switch {
		case err != nil:
			errs = errors.Join(errs, err)
		case sequence > s.sequence:
			s.sequence, newest = sequence, list
		}
	}
	if s.sequence > 0 { // what broke was being overwritten
		errs = nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range newest {
		t.restore(&newest[i])
	}
	return s, errs
}

func read(f File) (sequence uint64, list []saved, err error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return 0, nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil || len(text) == 0 {
		return 0, nil, err
	}
	line, body, _ := bytes.Cut(text, []byte("\n"))
	var h header
	if json.Unmarshal(line, &h) != nil || h.Sequence == 0 || h.Length < 0 || h.Length > len(body) {
		return 0, nil, errBroken
	}
	if body = body[:h.Length]; crc32.ChecksumIEEE(body) != h.CRC32 {
		return 0, nil, errBroken
	}
	if err := json.Unmarshal(body, &list); err != nil {
		return 0, nil, fmt.Errorf("%w: %w", errBroken, err)
	}
	return h.Sequence, list, nil
}

// restore makes a device of what was saved; what breaks a limit is left out.
func (t *Table) restore(d *saved) {
	var k key
	mac, ok := parseMAC(d.MAC)
	switch {
	case ok:
		k.mac = mac
	case d.Addr.IsValid():
		k.addr = d.Addr
	default:
		return
	}
	h := t.seen(k, netip.Addr{}, d.Last)
	h.first, h.link, h.router, h.isRouter = d.First, d.Link, d.Router, d.IsRouter
	for _, a := range d.Addresses[:min(len(d.Addresses), maxAddresses)] {
		if a.IP.IsValid() {
			t.address(h, a.IP, a.FirstSeen)
			t.address(h, a.IP, a.LastSeen)
		}
	}
	for _, n := range d.Names[:min(len(d.Names), maxNames)] {
		h.name(n.Name, n.Source)
	}
	for _, e := range d.Evidence[:min(len(d.Evidence), maxEvidence)] {
		h.tell(e.Source, e.Value)
	}
}

// Save writes the table into the older file.
func (s *Store) Save(t *Table) error {
	body, err := json.Marshal(t.saved())
	if err != nil {
		return err
	}
	line, err := json.Marshal(header{s.sequence + 1, len(body), crc32.ChecksumIEEE(body)})
	if err != nil {
		return err
	}
	f := s.files[s.sequence%2]
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if _, err := f.Write(append(append(line, '\n'), body...)); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	s.sequence++
	return nil
}

// saved copies what is to be written, slices too: the table goes on.
func (t *Table) saved() []saved {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make([]saved, 0, len(t.hosts))
	for k, h := range t.hosts {
		d := saved{
			Addr: k.addr, Addresses: slices.Clone(h.addresses), Names: slices.Clone(h.names), Evidence: slices.Clone(h.evidence), Link: h.link, Router: h.router, IsRouter: h.isRouter,
			First: h.first, Last: h.last,
		}
		if k.mac != [6]byte{} {
			d.MAC = string(record.AppendMAC(nil, k.mac))
		}
		all = append(all, d)
	}
	return all
}
