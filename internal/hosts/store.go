// SPDX-License-Identifier: Apache-2.0

package hosts

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"hash/crc32"
	"io"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/weirnet/weir/internal/identify"
	"github.com/weirnet/weir/internal/record"
)

// Store keeps a table in two files, one of which is complete at any moment: each save overwrites the older one, in
// place, since the saving process cannot make files.
type Store struct {
	mu       sync.Mutex
	files    [2]File
	sequence uint64 // of the newest list
	next     int    // the file without it
}

// File is the part of *os.File that a Store uses.
type File interface {
	io.ReadWriteSeeker
	Sync() error
}

// header is a file's first line.
type header struct {
	Sequence uint64 `json:"sequence"`
	Length   int    `json:"length"` // of the list; the rest is of an older, longer one
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
	Certainty certainty           `json:"certainty,omitempty"`
	First     time.Time           `json:"first_seen"`
	Last      time.Time           `json:"last_seen"`
}

const (
	// headerSize is the offset of the devices: the header is written after them, and padded with spaces.
	headerSize = 128
	// maxDevice bounds a device's bytes: texts (maxDeviceText, each byte of which may need a backslash), 16 addresses
	// of 150 bytes each, and the frame. A longer one is left out.
	maxDevice = 16 << 10
	// maxFile bounds a file in bytes: 4,096 devices of the greatest size.
	maxFile = 32 << 20
)

// errBroken is the error for a file that is incomplete, or not one of ours.
var errBroken = errors.New("the list of devices is broken")

// magic begins each file of a Store; EmptyFile is a new one.
const (
	magic     = `{"sequence":`
	EmptyFile = magic + `0,"length":0,"crc32":0}` + "\n"
)

// IsFile reports whether a file with this beginning is one of a Store.
func IsFile(head []byte) bool { return bytes.HasPrefix(head, []byte(magic)) }

// Load reads the newer of the two files into the table, and returns the store for saving. Empty files are new. If
// neither file is readable, the error says why, and the list starts empty.
func Load(t *Table, a, b File) (*Store, error) {
	s := &Store{files: [2]File{a, b}}
	var errs error
	newest := -1
	for i, f := range s.files {
		h, err := check(f)
		switch {
		case err != nil:
			errs = errors.Join(errs, err)
		case h.Sequence > s.sequence:
			s.sequence, newest = h.Sequence, i
		}
	}
	if newest < 0 {
		return s, errs
	}
	s.next = 1 - newest // the broken file was being overwritten
	return s, t.read(s.files[newest])
}

// check reads a file's header and verifies the checksum of the list; an empty file has the zero header.
func check(f File) (h header, err error) {
	h, body, err := begin(f)
	if err != nil || h.Sequence == 0 {
		return h, err
	}
	sum := crc32.NewIEEE()
	n, err := io.Copy(sum, body)
	if err != nil {
		return h, err
	}
	if n != int64(h.Length) || sum.Sum32() != h.CRC32 {
		return h, errBroken
	}
	return h, nil
}

// begin reads a file's first line, and returns a reader of the rest.
func begin(f File) (h header, body *bufio.Reader, err error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return h, nil, err
	}
	r := bufio.NewReaderSize(f, 64<<10)
	line, err := r.ReadSlice('\n')
	if errors.Is(err, io.EOF) && len(line) == 0 {
		return h, nil, nil
	}
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
		return h, nil, err
	}
	if string(line) == EmptyFile {
		return h, nil, nil
	}
	if err != nil || len(line) > headerSize || json.Unmarshal(line, &h) != nil || h.Sequence == 0 ||
		h.Sequence > maxSequence || h.Length < 0 || h.Length > maxFile {
		return header{}, nil, errBroken
	}
	return h, bufio.NewReaderSize(io.LimitReader(r, int64(h.Length)), 64<<10), nil
}

// maxSequence leaves room for later ones.
const maxSequence = 1 << 62

// read takes in the devices of a checked file.
func (t *Table) read(f File) error {
	_, body, err := begin(f)
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	var text []byte
	for range maxHosts {
		if text, err = nextObject(body, text[:0]); err != nil {
			break
		}
		var d saved
		if json.Unmarshal(text, &d) == nil {
			t.restore(&d)
		}
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// nextObject appends the next object of a list to b, up to a bound; it skips longer ones. io.EOF: the list has ended.
func nextObject(r *bufio.Reader, b []byte) ([]byte, error) {
	depth, inText, isEscaped := 0, false, false
	for {
		c, err := r.ReadByte()
		if err != nil {
			return b, err
		}
		if depth > 0 || c == '{' {
			b = append(b, c)
		}
		switch {
		case isEscaped:
			isEscaped = false
		case inText:
			inText, isEscaped = c != '"', c == '\\'
		case c == '"':
			inText = depth > 0
		case c == '{':
			depth++
		case c == '}' && depth > 0:
			if depth--; depth == 0 && len(b) <= maxDevice {
				return b, nil
			}
		}
		if len(b) > maxDevice {
			b = b[:maxDevice+1]
		}
		if depth == 0 {
			b = b[:0]
		}
	}
}

// restore makes a device of a saved one; it drops what breaks a limit.
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
	h := t.seen(k, netip.Addr{}, d.Last, min(d.Certainty, known))
	if h == nil {
		return
	}
	h.first, h.link, h.router, h.isRouter = d.First, clean(d.Link), d.Router, d.IsRouter
	for _, a := range d.Addresses[:min(len(d.Addresses), maxAddresses)] {
		if a.IP.IsValid() {
			t.address(h, a.IP, a.FirstSeen)
			t.address(h, a.IP, a.LastSeen)
		}
	}
	for _, n := range d.Names[:min(len(d.Names), maxNames)] {
		if trust(n.Source) >= 0 {
			h.name(n.Name, n.Source)
		}
	}
	for _, e := range d.Evidence[:min(len(d.Evidence), maxEvidence)] {
		h.tell(e.Source, e.Value)
	}
}

// Save writes the table over the older file. The newer one stays unchanged, and counts until this one is complete: only
// then does its header match.
func (s *Store) Save(t *Table) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.files[s.next]
	if _, err := f.Seek(headerSize, io.SeekStart); err != nil {
		return err
	}
	sum := crc32.NewIEEE()
	w := bufio.NewWriterSize(io.MultiWriter(f, sum), 64<<10)
	length, err := t.write(w)
	if err == nil {
		err = w.Flush()
	}
	if err != nil {
		return err
	}
	line, err := json.Marshal(header{s.sequence + 1, length, sum.Sum32()})
	if err != nil {
		return err
	}
	line = append(append(line, bytes.Repeat([]byte(" "), headerSize-1-len(line))...), '\n')
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if _, err := f.Write(line); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	s.sequence++
	s.next = 1 - s.next
	return nil
}

// write writes the devices as a JSON list, and returns its length.
func (t *Table) write(w *bufio.Writer) (length int, err error) {
	text, separator := []byte(nil), byte('[')
	for _, h := range t.list() {
		text = append(text[:0], separator, '\n')
		if !t.with(h, func() { text = h.appendJSON(text) }) {
			continue
		}
		if len(text) > maxDevice || length+len(text) > maxFile-headerSize-len("[\n]\n") {
			continue
		}
		separator = ','
		length += len(text)
		if _, err := w.Write(text); err != nil {
			return 0, err
		}
	}
	end := "\n]\n"
	if separator == '[' {
		end = "[]\n"
	}
	_, err = w.WriteString(end)
	return length + len(end), err
}

// appendJSON writes a device in the form of saved. Its texts are clean.
func (h *host) appendJSON(b []byte) []byte {
	b = append(b, '{')
	if h.key.mac != [6]byte{} {
		b = append(b, `"mac":"`...)
		b = append(record.AppendMAC(b, h.key.mac), `",`...)
	}
	if h.key.addr.IsValid() {
		b = appendMember(b, "addr", h.key.addr.String())
	}
	b = append(b, `"addresses":[`...)
	for i := range h.addresses {
		a := &h.addresses[i]
		b = append(appendMember(append(b, '{'), "ip", a.IP.String()), `"first_seen":"`...)
		b = append(a.FirstSeen.AppendFormat(b, time.RFC3339Nano), `","last_seen":"`...)
		b = append(a.LastSeen.AppendFormat(b, time.RFC3339Nano), `"},`...)
	}
	b = append(record.EndList(b), `,"names":[`...)
	for _, n := range h.names {
		b = appendMember(appendMember(append(b, '{'), "name", n.Name), "source", n.Source)
		b = append(b[:len(b)-1], `},`...)
	}
	b = append(record.EndList(b), `,"evidence":[`...)
	for _, e := range h.evidence {
		b = append(strconv.AppendUint(append(b, `{"source":`...), uint64(e.Source), 10), ',')
		b = appendMember(b, "value", e.Value)
		b = append(b[:len(b)-1], "},"...)
	}
	b = append(record.EndList(b), ',')
	if h.link != "" {
		b = appendMember(b, "interface", h.link)
	}
	if h.router.IsValid() {
		b = appendMember(b, "router", h.router.String())
	}
	if h.isRouter {
		b = append(b, `"is_router":true,`...)
	}
	b = append(strconv.AppendUint(append(b, `"certainty":`...), uint64(h.certainty), 10), `,"first_seen":"`...)
	b = append(h.first.AppendFormat(b, time.RFC3339Nano), `","last_seen":"`...)
	return append(h.last.AppendFormat(b, time.RFC3339Nano), `"}`...)
}

// appendMember writes a member and a comma. Of the characters that JSON escapes, a clean text has only quotation marks
// and backslashes.
func appendMember(b []byte, name, text string) []byte {
	b = append(append(append(b, '"'), name...), `":"`...)
	for i := range len(text) {
		if c := text[i]; c == '"' || c == '\\' {
			b = append(b, '\\')
		}
		b = append(b, text[i])
	}
	return append(b, `",`...)
}
