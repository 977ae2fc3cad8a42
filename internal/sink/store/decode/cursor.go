// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"encoding/json"
	"errors"
	"unicode/utf8"
)

// maxDepth bounds nested lists and objects.
const maxDepth = 64

// Errors of a cursor.
var (
	errSyntax = errors.New("not JSON")
	errDepth  = errors.New("JSON is nested too deeply")
)

// cursor reads JSON (RFC 8259) from its start to its end, without a copy. After an error all its methods return
// nothing, and its loops end.
type cursor struct {
	b     []byte
	i     int
	depth int
	err   error
}

func (c *cursor) fail(err error) {
	if c.err == nil {
		c.err = err
	}
	c.i = len(c.b)
}

// peek skips white space, and returns the next byte, 0 at the end.
func (c *cursor) peek() byte {
	for ; c.i < len(c.b); c.i++ {
		switch c.b[c.i] {
		case ' ', '\t', '\n', '\r':
		default:
			return c.b[c.i]
		}
	}
	return 0
}

// open enters a list or an object.
func (c *cursor) open(bracket byte) bool {
	if c.err != nil || c.peek() != bracket {
		c.fail(errSyntax)
		return false
	}
	if c.depth++; c.depth > maxDepth {
		c.fail(errDepth)
		return false
	}
	c.i++
	return true
}

// next reports whether there is another element or member; first: none was read before. It leaves after the last one.
func (c *cursor) next(closing byte, first bool) bool {
	if c.err != nil {
		return false
	}
	switch p := c.peek(); {
	case p == closing:
		c.i++
		c.depth--
		return false
	case first:
		return true
	case p == ',':
		c.i++
		return true
	}
	c.fail(errSyntax)
	return false
}

// object calls member with the name of each member; it has to read the value.
func (c *cursor) object(member func(name []byte)) {
	if !c.open('{') {
		return
	}
	for first := true; c.next('}', first); first = false {
		if name := c.name(); c.err == nil {
			member(name)
		}
	}
}

// list calls element for each element; it has to read the value.
func (c *cursor) list(element func()) {
	if !c.open('[') {
		return
	}
	for first := true; c.next(']', first); first = false {
		element()
	}
}

// name reads a member's name and the colon.
func (c *cursor) name() []byte {
	c.peek()
	name := c.text()
	if c.err == nil && c.peek() != ':' {
		c.fail(errSyntax)
	}
	if c.err == nil {
		c.i++
	}
	return name
}

// quoted reads a text as it is written, with its quotation marks; isPlain: without an escape.
func (c *cursor) quoted() (text []byte, isPlain bool) {
	if c.err != nil || c.peek() != '"' {
		c.fail(errSyntax)
		return nil, false
	}
	isPlain = true
	for i := c.i + 1; i < len(c.b); i++ {
		switch b := c.b[i]; {
		case b == '"':
			text, c.i = c.b[c.i:i+1], i+1
			return text, isPlain
		case b < ' ':
			c.fail(errSyntax)
			return nil, false
		case b == '\\':
			isPlain = false
			if i++; i >= len(c.b) || !isEscape(c.b[i:]) {
				c.fail(errSyntax)
				return nil, false
			}
		}
	}
	c.fail(errSyntax)
	return nil, false
}

// isEscape reports whether b, what follows a backslash, is an escape.
func isEscape(b []byte) bool {
	switch b[0] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return true
	case 'u':
		if len(b) < 5 {
			return false
		}
		for _, d := range b[1:5] {
			if !(d >= '0' && d <= '9' || d >= 'a' && d <= 'f' || d >= 'A' && d <= 'F') {
				return false
			}
		}
		return true
	}
	return false
}

// text reads a text. It is valid UTF-8 if the input is, and may share its memory.
func (c *cursor) text() []byte {
	quoted, isPlain := c.quoted()
	if c.err != nil {
		return nil
	}
	if isPlain {
		return quoted[1 : len(quoted)-1]
	}
	var s string
	if err := json.Unmarshal(quoted, &s); err != nil || !utf8.ValidString(s) {
		c.fail(errSyntax)
		return nil
	}
	return []byte(s)
}

// count reads a whole number from 0 to most.
func (c *cursor) count(most uint64) (n uint64) {
	c.peek()
	start := c.i
	for ; c.i < len(c.b) && c.b[c.i] >= '0' && c.b[c.i] <= '9'; c.i++ {
		if n > most {
			continue
		}
		n = n*10 + uint64(c.b[c.i]-'0')
	}
	switch {
	case c.err != nil:
		return 0
	case c.i == start, c.b[start] == '0' && c.i > start+1, c.i < len(c.b) && isNumber(c.b[c.i]):
		c.fail(errNumber)
		return 0
	case n > most:
		c.fail(errNumber)
		return 0
	}
	return n
}

func isNumber(b byte) bool { return b == '.' || b == 'e' || b == 'E' || b == '-' || b == '+' }

// raw reads a value, and returns it as it is written.
func (c *cursor) raw() []byte {
	c.peek()
	start := c.i
	c.skip()
	if c.err != nil {
		return nil
	}
	return c.b[start:c.i]
}

// skip reads a value.
func (c *cursor) skip() {
	switch b := c.peek(); {
	case b == '{':
		if c.open('{') {
			for first := true; c.next('}', first); first = false {
				c.skipName()
				c.skip()
			}
		}
	case b == '[':
		if c.open('[') {
			for first := true; c.next(']', first); first = false {
				c.skip()
			}
		}
	case b == '"':
		c.quoted()
	case b == 't':
		c.word("true")
	case b == 'f':
		c.word("false")
	case b == 'n':
		c.word("null")
	default:
		c.number()
	}
}

func (c *cursor) skipName() {
	c.quoted()
	if c.err == nil && c.peek() != ':' {
		c.fail(errSyntax)
	}
	if c.err == nil {
		c.i++
	}
}

func (c *cursor) word(w string) {
	if len(c.b)-c.i < len(w) || string(c.b[c.i:c.i+len(w)]) != w {
		c.fail(errSyntax)
		return
	}
	c.i += len(w)
}

// number reads any number.
func (c *cursor) number() {
	start := c.i
	for c.i < len(c.b) && (c.b[c.i] >= '0' && c.b[c.i] <= '9' || isNumber(c.b[c.i])) {
		c.i++
	}
	text := c.b[start:c.i]
	if c.err != nil || len(text) == 0 || len(text) > 64 || !json.Valid(text) {
		c.fail(errSyntax)
	}
}

// end fails if anything but white space follows.
func (c *cursor) end() {
	if c.err == nil && (c.peek() != 0 || c.i < len(c.b)) {
		c.fail(errSyntax)
	}
}
