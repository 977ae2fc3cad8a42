// SPDX-License-Identifier: Apache-2.0

package dissect

import "github.com/weirnet/weir/internal/record"

const (
	// maxNotes is how many names one flow collects: one for each packet that it is looked at, and some.
	maxNotes = 64
	// maxNoteBytes bounds them in bytes, so that what else there is to say fits into MaxInfo.
	maxNoteBytes = 1536
)

// notes are names that a flow tells one after the other, each once, in the order in which they came. The flow keeps
// them, for datagrams that told them are forgotten. Each name has its length in a byte before it.
type notes struct {
	text    []byte
	n       int
	omitted int // for which there was no room
}

// add adds a name that is not there yet.
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

// Note keeps a name that the flow tells besides its host, in lower case. Object.Notes writes all that were kept, by
// earlier calls too.
func (r *Result) Note(name []byte) {
	text := append(r.noteText[:0], name[:min(len(name), MaxHost)]...)
	for i, c := range text {
		if 'A' <= c && c <= 'Z' {
			text[i] = c + 'a' - 'A'
		}
	}
	r.notes.add(text)
}

// Notes writes the names that the flow has told, where there is more than one, and as number omitted how many found no
// room.
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

// begin lets the result begin with what earlier calls have noted.
func (l *notes) begin(s *Session) {
	l.text = append(l.text[:0], s.notes...)
	l.n, l.omitted = int(s.nNotes), int(s.notesOmitted)
}

// growNotes makes room for notes in the session's buffer, which is of the pool; without memory there are no new ones.
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
