// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
)

// Oldest returns the reports to send next, oldest first, all with one encoding: at most count of them, with at most
// size bytes, but one in any case if there is one. Done or Refuse takes them off.
func (s *Spool) Oldest(count, size int) (reports []Report, err error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if !s.isSynced {
		// What a power cut may still take away must not be sent: its number would be given to another report.
		if err := s.sync(); err != nil {
			return nil, fmt.Errorf("sync spool: %w", err)
		}
	}
	s.note(s.makeRoom(0))
	for i := 0; i < len(s.queue) && len(reports) < count; {
		w := s.queue[i]
		if i > 0 && w.size-headerSize > int64(size) {
			break
		}
		r, err := s.read(w)
		switch {
		case err == nil:
			if s.unread == w.label {
				s.unread = label{}
			}
		case errors.Is(err, errDamaged) || errors.Is(err, fs.ErrNotExist) || s.hasFailed(w.label):
			s.discard(i, err)
			continue
		case i == 0:
			return nil, fmt.Errorf("read spooled report: %w", err)
		default:
			return reports, nil
		}
		if i > 0 && r.Encoding != reports[0].Encoding {
			break
		}
		reports = append(reports, r)
		size -= len(r.Body)
		i++
	}
	s.note(s.settle())
	return reports, nil
}

func (s *Spool) read(w waiting) (Report, error) {
	f, err := s.folder.open(w.name())
	if err != nil {
		return Report{}, err
	}
	defer f.Close()
	h, body, err := readSegment(f)
	if err == nil && h.label != w.label {
		err = errDamaged
	}
	return Report{Name{h.epoch, h.sequence}, h.encoding, body}, err
}

// hasFailed reports whether a segment could not be read maxReads times in succession.
func (s *Spool) hasFailed(l label) bool {
	if s.unread != l {
		s.unread, s.reads = l, 0
	}
	s.reads++
	return s.reads >= maxReads
}

// discard takes a report off the queue that can't be sent.
func (s *Spool) discard(i int, cause error) {
	w := s.queue[i]
	s.pointer.lose(w.label)
	s.isDirty = true
	s.stats.Damaged++
	s.queue, s.bytes = slices.Delete(s.queue, i, i+1), s.bytes-w.size
	s.note(s.settle())
	s.note(fmt.Errorf("read spooled report %d: %w", w.sequence, cause))
	s.setAside(w.label, damagedDir)
}

// ErrOrder is that of a report that is not the oldest.
var ErrOrder = errors.New("an older report waits")

// next takes the oldest report off the queue if it has that name. Without error the report is no longer in the queue:
// it may have been dropped while it was sent, and then is not lost.
func (s *Spool) next(name Name) (w waiting, isOldest bool, err error) {
	is := func(w waiting) bool { return w.epoch == name.Epoch && w.sequence == name.Sequence }
	switch i := slices.IndexFunc(s.queue, is); {
	case i > 0:
		return w, false, fmt.Errorf("report %d: %w", name.Sequence, ErrOrder)
	case i < 0:
		s.pointer.lost = s.pointer.lost.found(name.Epoch, name.Sequence)
		s.isDirty = true
		return w, false, nil
	}
	w = s.queue[0]
	s.queue, s.bytes = s.queue[1:], s.bytes-w.size
	s.pointer.done, s.isDirty = w.position, true
	return w, true, nil
}

// Done forgets reports that the sink has, in the order of Oldest. After an error of the disk they are not sent again
// before the spool is opened anew.
func (s *Spool) Done(names ...Name) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, name := range names {
		w, isOldest, err := s.next(name)
		if err != nil {
			return errors.Join(err, s.settle())
		}
		s.stats.Sent++
		if isOldest {
			s.pointer.told = s.pointer.told.delivered(w.position)
			s.leftover = append(s.leftover, w.label)
		}
	}
	err := s.settle()
	s.note(err)
	return err
}

// Refuse sets the oldest report aside: the sink will never take it.
func (s *Spool) Refuse(name Name, reason string) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	w, isOldest, err := s.next(name)
	if err != nil {
		return err
	}
	s.stats.Refused++
	s.stats.Refusal = reason
	if isOldest {
		s.pointer.told, s.pointer.lost = s.pointer.told.unsaid(s.pointer.lost, w.position)
	}
	err = s.settle()
	s.note(err)
	if isOldest {
		s.setAside(w.label, refusedDir)
	}
	return err
}

// setAside moves a segment to a folder of its own, which keeps the last ones. What can't be moved is removed. As long
// as the pointer is not on disk, the segment stays where it is, for the next Open: it must not vanish unnoticed.
func (s *Spool) setAside(l label, folder string) {
	if s.isDirty {
		return
	}
	err := s.folder.mkdir(folder)
	if err == nil {
		err = s.folder.rename(l.name(), folder+"/"+l.name())
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.leftover = append(s.leftover, l)
		s.note(err)
	}
	files, err := s.folder.list(folder)
	if err != nil {
		return
	}
	slices.SortFunc(files, func(a, b entry) int { return b.modified.Compare(a.modified) })
	kept := int64(0)
	for i, f := range files {
		if kept += f.size; i >= maxAside || kept > maxAsideBytes {
			s.note(s.folder.remove(folder + "/" + f.name))
		}
	}
}
