// SPDX-License-Identifier: Apache-2.0

package dissect

import "github.com/weirnet/weir/internal/record"

const (
	// maxNotes bounds the names that a flow collects: about one per inspected packet.
	maxNotes = 64
	// maxNoteBytes bounds them in bytes, so that other metadata still fits into MaxInfo.
	maxNoteBytes = 1536
)

// notes are distinct names that a flow reveals one by one, in order of arrival. The flow keeps them, because it forgets
// the datagrams that held them. A length byte precedes each name.
type notes struct {
	text    []byte
	n       int
	omitted int // names that found no room
}

// add adds a name unless it is already present.
func (l *notes) add(name []byte) {
	if len(name) == 0 || l.has(name) {
		return
	}
	if l.n == maxNotes || len(l.text)+1+len(name) > maxNoteBytes {
		l.omitted++
		return
	}
	l.text = append(append(l.text, byte(len(name))), name...)
	l.n++
}

func (l *notes) has(name []byte) bool {
	for b := l.text; len(b) > 0; b = b[1+int(b[0]):] {
		if string(b[1:1+int(b[0])]) == string(name) {
			return true
		}
	}
	return false
}

// Note keeps a name that the flow reveals besides its host, in lower case. Object.Notes writes all kept names, those of
// earlier calls included.
func (r *Result) Note(name []byte) {
	text := append(r.noteText[:0], name[:min(len(name), MaxHost)]...)
	for i, c := range text {
		if 'A' <= c && c <= 'Z' {
			text[i] = c + 'a' - 'A'
		}
	}
	r.notes.add(text)
}

// Notes writes the flow's names if it has several, and as number omitted how many found no room.
func (o *Object) Notes(name, omitted string) {
	l := &o.r.notes
	if l.n < 2 {
		return
	}
	rest, written := l.text, 0
	before := o.field(name)
	o.r.info = append(o.r.info, '[')
	for ; len(rest) > 0; rest = rest[1+int(rest[0]):] {
		end := len(o.r.info)
		if written > 0 {
			o.r.info = append(o.r.info, ',')
		}
		o.r.info = record.AppendText(o.r.info, rest[1:1+int(rest[0])])
		if !o.keep(end, len("]")+len(omitted)+len(`,"":65535`)) {
			break
		}
		written++
	}
	if written == 0 {
		o.r.info = o.r.info[:before]
	} else {
		o.r.info = append(o.r.info, ']')
	}
	if missing := l.omitted + l.n - written; missing > 0 {
		o.Int(omitted, int64(min(missing, 65535)))
	}
}

// take keeps the notes of the dissector that has named the flow.
func (s *Session) take(pool *Pool) {
	from := &pool.result.notes
	pool.Counters.NamesOmitted += uint64(from.omitted - int(s.notesOmitted))
	s.notesOmitted = uint16(min(from.omitted, 65535))
	if len(from.text) == len(s.notes) {
		return
	}
	if !s.growNotes(pool, len(from.text)) {
		return
	}
	s.notes = append(s.notes[:0], from.text...)
	s.nNotes = uint8(from.n)
}

// begin lets the result begin with the notes of earlier calls.
func (l *notes) begin(s *Session) {
	l.text = append(l.text[:0], s.notes...)
	l.n, l.omitted = int(s.nNotes), int(s.notesOmitted)
}

// growNotes makes room for notes in the session's pooled buffer; without memory the result takes no new ones.
func (s *Session) growNotes(pool *Pool, size int) bool {
	if cap(s.notes) >= size {
		return true
	}
	buf := pool.get(size)
	if buf == nil {
		return false
	}
	kept := buf[:copy(buf, s.notes)]
	s.releaseNotes(pool)
	s.notes = kept
	return true
}

func (s *Session) releaseNotes(pool *Pool) {
	if s.notes != nil {
		pool.put(s.notes[:cap(s.notes)])
	}
	s.notes = nil
}
