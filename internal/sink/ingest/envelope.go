// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"bytes"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/weirnet/weir/internal/report"
	"github.com/weirnet/weir/internal/uplink"
)

// envelope is what the ingest has to know of a report.
type envelope struct {
	agent    string
	epoch    string
	sequence uint64
}

// errSyntax is that of a line that is no JSON (RFC 8259).
var errSyntax = errors.New("this is no JSON")

// limitError is that of JSON over a limit.
type limitError string

func (e limitError) Error() string { return string(e) }

// Errors of JSON that is beyond what a report may hold.
const (
	errDepth     = limitError("nested too deep")
	errText      = limitError("a text is too long")
	errNUL       = limitError("a text has a NUL")
	errUTF8      = limitError("a text is not UTF-8")
	errSurrogate = limitError("a text has half a surrogate pair")
	errNumber    = limitError("a number is no integer of at most 20 digits")
	errTwice     = limitError("a member is there twice")
	errMembers   = limitError("too many members")
	errEscape    = limitError("a member's name has an escape")
)

// maxMembers bounds the members of the report and of its envelope's parts.
const maxMembers = 64

// schemaError is that of JSON that is no report of this schema.
type schemaError string

func (e schemaError) Error() string { return string(e) }

// readEnvelope reads a line. It checks all of its JSON, and holds the envelope against the schema. With an error too it
// returns what it has read of the envelope.
func readEnvelope(line []byte) (e envelope, err error) {
	s := &scanner{b: line, most: uplink.MaxDepth}
	var typ, schema, begin, end []byte
	hasAgent, hasPeriod := false, false
	err = s.object(1, func(name, value []byte) error {
		switch string(name) {
		case "type":
			typ = value
		case "schema":
			schema = value
		case "epoch":
			e.epoch = id(value)
		case "sequence":
			e.sequence = number(value)
		case "agent":
			hasAgent = true
			return s.sub(value, func(name, value []byte) error {
				if string(name) == "id" {
					e.agent = id(value)
				}
				return nil
			})
		case "period":
			hasPeriod = true
			return s.sub(value, func(name, value []byte) error {
				switch string(name) {
				case "begin":
					begin = value
				case "end":
					end = value
				}
				return nil
			})
		}
		return nil
	})
	if err == nil {
		err = s.finish()
	}
	switch {
	case err != nil:
	case string(typ) != `"report"`:
		err = schemaError("not a report")
	case number(schema) != report.SchemaVersion:
		err = schemaError(fmt.Sprintf("of schema %.20s: this sink knows schema %d", schema, report.SchemaVersion))
	case !hasAgent || e.agent == "":
		err = schemaError("agent.id is not 32 hexadecimal digits")
	case e.epoch == "":
		err = schemaError("epoch is not 32 hexadecimal digits")
	case e.sequence == 0:
		err = schemaError("sequence is not a positive integer")
	case !hasPeriod || !isTime(begin) || !isTime(end):
		err = schemaError("period has no begin or no end")
	}
	return e, err
}

// id returns the text of a report's identifier, "" if the value is none.
func id(value []byte) string {
	if len(value) != 34 || value[0] != '"' {
		return ""
	}
	for _, c := range value[1:33] {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return ""
		}
	}
	return string(value[1:33])
}

// number returns a positive integer that fits 63 bits, 0 if the value is none.
func number(value []byte) (n uint64) {
	if len(value) == 0 || len(value) > 19 {
		return 0
	}
	for _, c := range value {
		if c < '0' || c > '9' {
			return 0
		}
		n = n*10 + uint64(c-'0')
	}
	if n > 1<<63-1 {
		return 0
	}
	return n
}

// isTime reports whether the value is a time as in RFC 3339.
func isTime(value []byte) bool {
	if len(value) < 2 || len(value) > 40 || value[0] != '"' {
		return false
	}
	_, err := time.Parse(time.RFC3339Nano, string(value[1:len(value)-1]))
	return err == nil
}

// scanner checks JSON without keeping it. It does not recurse, but for the fixed parts of an envelope.
type scanner struct {
	b    []byte
	at   int
	most int // depth
}

// sub reads a value that was scanned as an object. A value of another kind is none.
func (s *scanner) sub(value []byte, member func(name, value []byte) error) error {
	if len(value) == 0 || value[0] != '{' {
		return nil
	}
	inner := &scanner{b: value, most: s.most}
	return inner.object(2, member)
}

// object reads an object at that depth, and checks that its members differ.
func (s *scanner) object(depth int, member func(name, value []byte) error) error {
	s.space()
	if !s.take('{') {
		return errSyntax
	}
	var names [maxMembers][]byte
	if s.space(); s.take('}') {
		return nil
	}
	for n := 0; ; n++ {
		if n == maxMembers {
			return errMembers
		}
		s.space()
		start := s.at
		if err := s.text(); err != nil {
			return err
		}
		name := s.b[start+1 : s.at-1]
		if bytes.IndexByte(name, '\\') >= 0 {
			return errEscape // it could hide a name that is there twice
		}
		for _, other := range names[:n] {
			if bytes.Equal(other, name) {
				return errTwice
			}
		}
		names[n] = name
		if s.space(); !s.take(':') {
			return errSyntax
		}
		s.space()
		start = s.at
		if err := s.value(depth); err != nil {
			return err
		}
		if err := member(name, s.b[start:s.at]); err != nil {
			return err
		}
		if s.space(); s.take('}') {
			return nil
		}
		if !s.take(',') {
			return errSyntax
		}
	}
}

// finish checks that nothing follows.
func (s *scanner) finish() error {
	if s.space(); s.at != len(s.b) {
		return errSyntax
	}
	return nil
}

func (s *scanner) peek() byte {
	if s.at < len(s.b) {
		return s.b[s.at]
	}
	return 0
}

func (s *scanner) take(c byte) bool {
	if s.at < len(s.b) && s.b[s.at] == c {
		s.at++
		return true
	}
	return false
}

func (s *scanner) space() {
	for s.at < len(s.b) {
		switch s.b[s.at] {
		case ' ', '\t', '\r', '\n':
			s.at++
		default:
			return
		}
	}
}

// value reads a value inside of so many others.
func (s *scanner) value(depth int) error {
	var kinds [uplink.MaxDepth + 1]byte // of the open values: { or [
	open := 0
	for {
		if c := s.peek(); c == '{' || c == '[' {
			if depth+open >= s.most {
				return errDepth
			}
			kinds[open] = c
			open++
			s.at++
			s.space()
			if !s.take(c + 2) { // the closing one
				if c == '{' {
					if err := s.name(); err != nil {
						return err
					}
				}
				continue
			}
			open--
		} else if err := s.scalar(); err != nil {
			return err
		}
		// A value has ended.
		for {
			if open == 0 {
				return nil
			}
			s.space()
			c := kinds[open-1]
			if s.take(c + 2) {
				open--
				continue
			}
			if !s.take(',') {
				return errSyntax
			}
			s.space()
			if c == '{' {
				if err := s.name(); err != nil {
					return err
				}
			}
			break
		}
	}
}

// name reads a member's name and what is before its value.
func (s *scanner) name() error {
	if err := s.text(); err != nil {
		return err
	}
	if s.space(); !s.take(':') {
		return errSyntax
	}
	s.space()
	return nil
}

func (s *scanner) scalar() error {
	switch c := s.peek(); {
	case c == '"':
		return s.text()
	case c == '-' || (c >= '0' && c <= '9'):
		return s.number()
	case c == 't':
		return s.word("true")
	case c == 'f':
		return s.word("false")
	case c == 'n':
		return s.word("null")
	}
	return errSyntax
}

func (s *scanner) word(w string) error {
	if !bytes.HasPrefix(s.b[s.at:], []byte(w)) {
		return errSyntax
	}
	s.at += len(w)
	return nil
}

// number reads an integer: a report has no other numbers.
func (s *scanner) number() error {
	s.take('-')
	start := s.at
	for s.peek() >= '0' && s.peek() <= '9' {
		s.at++
	}
	switch digits := s.at - start; {
	case digits == 0 || (digits > 1 && s.b[start] == '0'):
		return errSyntax
	case digits > 20:
		return errNumber
	}
	switch s.peek() {
	case '.', 'e', 'E':
		return errNumber
	}
	return nil
}

// plain are the bytes that a string has as they are: ASCII but for control characters, the quote and the backslash.
var plain = func() (is [256]bool) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		is[c] = c != '"' && c != '\\'
	}
	return is
}()

// text reads a string.
func (s *scanner) text() error {
	if !s.take('"') {
		return errSyntax
	}
	start := s.at
	for {
		for s.at < len(s.b) && plain[s.b[s.at]] {
			s.at++
		}
		if s.at >= len(s.b) {
			return errSyntax
		}
		if s.at-start > uplink.MaxText {
			return errText
		}
		switch c := s.b[s.at]; {
		case c == '"':
			s.at++
			return nil
		case c == 0:
			return errNUL
		case c < 0x20:
			return errSyntax
		case c == '\\':
			if err := s.escape(); err != nil {
				return err
			}
		default:
			r, n := utf8.DecodeRune(s.b[s.at:])
			if r == utf8.RuneError && n == 1 {
				return errUTF8
			}
			s.at += n
		}
	}
}

// escape reads an escaped character.
func (s *scanner) escape() error {
	s.at++
	switch s.peek() {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		s.at++
		return nil
	case 'u':
	default:
		return errSyntax
	}
	c, ok := s.hex()
	switch {
	case !ok:
		return errSyntax
	case c == 0:
		return errNUL
	case c >= 0xDC00 && c < 0xE000:
		return errSurrogate
	case c < 0xD800 || c >= 0xE000:
		return nil
	}
	if !s.take('\\') || s.peek() != 'u' {
		return errSurrogate
	}
	if c, ok = s.hex(); !ok {
		return errSyntax
	} else if c < 0xDC00 || c >= 0xE000 {
		return errSurrogate
	}
	return nil
}

// hex reads u and four digits.
func (s *scanner) hex() (c uint32, ok bool) {
	s.at++
	if len(s.b)-s.at < 4 {
		return 0, false
	}
	for _, d := range s.b[s.at : s.at+4] {
		switch {
		case d >= '0' && d <= '9':
			c = c<<4 | uint32(d-'0')
		case d >= 'a' && d <= 'f':
			c = c<<4 | uint32(d-'a'+10)
		case d >= 'A' && d <= 'F':
			c = c<<4 | uint32(d-'A'+10)
		default:
			return 0, false
		}
	}
	s.at += 4
	return c, true
}
