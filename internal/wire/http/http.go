// SPDX-License-Identifier: Apache-2.0

// Package http parses the heads of HTTP/1.x messages (RFC 9112): start line and header fields. It follows no body,
// allocates nothing, and costs one pass over the head.
package http

import "bytes"

const (
	// MaxMethod bounds a method's length. The longest registered method, UPDATEREDIRECTREF, has 17 bytes (IANA HTTP
	// Method Registry).
	MaxMethod = 24
	// MaxFields bounds the header fields that Next reads of a head; servers' usual limit is 100.
	MaxFields = 128
	// maxEmptyLines bounds the ignored empty lines before a request; the clients that add a line after a body add one.
	maxEmptyLines = 4
)

// State says whether the bytes so far form the head of a message.
type State uint8

// States of a start line.
const (
	// Invalid: no start line, whatever follows.
	Invalid State = iota
	// Partial: more bytes can complete the start line.
	Partial
	// Valid: the start line is complete and correct.
	Valid
)

// Head is the head of one message, as far as it has arrived. Its slices are views into the parsed bytes.
type Head struct {
	// Method and Target belong to requests (RFC 9112 §3).
	Method, Target []byte
	// Status is a response's code, 100 to 999 (RFC 9112 §4).
	Status int
	// Minor is the x of HTTP/1.x.
	Minor byte
	// Size is the head's length in bytes, with the empty line; 0 until that has arrived.
	Size int

	fields []byte // complete lines
	read   int    // fields returned by Next
}

// ParseRequest reads the head of a request at the start of b into h. It ignores empty lines before the request (RFC
// 9112 §2.2) and accepts several blanks (§3). It accepts a missing target as empty: servers answer such a request, with
// 400.
func ParseRequest(b []byte, h *Head) State {
	*h = Head{}
	all := len(b)
	b = skipEmptyLines(b)
	if len(b) == 0 && all > 0 {
		return Partial
	}
	line, rest, whole := cutLine(b)
	space := bytes.IndexByte(line[:min(len(line), MaxMethod+1)], ' ')
	method := line
	if space >= 0 {
		method = line[:space]
	}
	if !isMethod(method) || space == 0 || space < 0 && (whole || len(line) > MaxMethod) {
		return Invalid
	}
	if !whole {
		if space >= 0 && hasControl(line[space:]) {
			return Invalid
		}
		if space >= 0 {
			h.Method, h.Target = method, line[space+1:]
		}
		return Partial
	}
	line = bytes.TrimRight(line, " \t")
	end := len(line) - len(" HTTP/1.x")
	if end < space || !isVersion(line[end+1:]) || line[end] != ' ' && line[end] != '\t' || hasControl(line) {
		return Invalid
	}
	h.Method, h.Target, h.Minor = method, bytes.Trim(line[space:end], " \t"), line[len(line)-1]-'0'
	h.cutFields(rest, all-len(rest))
	return Valid
}

// skipEmptyLines returns b without the empty lines at its start.
func skipEmptyLines(b []byte) []byte {
	for range maxEmptyLines {
		switch {
		case len(b) > 0 && b[0] == '\n':
			b = b[1:]
		case len(b) > 1 && b[0] == '\r' && b[1] == '\n':
			b = b[2:]
		case len(b) == 1 && b[0] == '\r':
			return nil
		default:
			return b
		}
	}
	return b
}

// ParseResponse reads the head of a response at the start of b into h. It accepts a missing reason, which many servers
// omit.
func ParseResponse(b []byte, h *Head) State {
	*h = Head{}
	const shortest = len("HTTP/1.1 200")
	if n := min(len(b), len(versionPrefix)); string(b[:n]) != versionPrefix[:n] {
		return Invalid
	}
	line, rest, whole := cutLine(b)
	if len(line) < shortest {
		if whole {
			return Invalid
		}
		return Partial
	}
	if !isVersion(line[:8]) || line[8] != ' ' || len(line) > shortest && line[shortest] != ' ' {
		return Invalid
	}
	for _, c := range line[9:shortest] {
		if c < '0' || c > '9' {
			return Invalid
		}
		h.Status = h.Status*10 + int(c-'0')
	}
	if h.Status < 100 {
		return Invalid
	}
	h.Minor = line[7] - '0'
	if whole {
		h.cutFields(rest, len(b)-len(rest))
	}
	return Valid
}

// cutFields finds the end of the head: an empty line, or the last complete line so far.
func (h *Head) cutFields(b []byte, before int) {
	for at, n := 0, 0; ; n++ {
		line, rest, whole := cutLine(b[at:])
		if !whole || n == 2*MaxFields { // each field may be folded once, on average
			h.fields = b[:at]
			return
		}
		if len(line) == 0 {
			h.fields, h.Size = b[:at], before+len(b)-len(rest)
			return
		}
		at = len(b) - len(rest)
	}
}

// Next returns the head's next field. A folded value (RFC 9112 §5.2) ends at its first line; Next skips lines that are
// no fields.
func (h *Head) Next() (name, value []byte, ok bool) {
	for len(h.fields) > 0 && h.read < MaxFields {
		h.read++
		line, rest, _ := cutLine(h.fields)
		h.fields = rest
		colon := bytes.IndexByte(line, ':')
		if colon <= 0 || line[0] == ' ' || line[0] == '\t' {
			continue
		}
		return bytes.TrimRight(line[:colon], " \t"), bytes.Trim(line[colon+1:], " \t"), true
	}
	return nil, nil, false
}

// Is reports whether a field's name equals lower, ignoring case; lower must be lower case.
func Is(name []byte, lower string) bool {
	if len(name) != len(lower) {
		return false
	}
	for i, c := range name {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// cutLine cuts b at its first line end, CR LF or LF alone (RFC 9112 §2.2).
func cutLine(b []byte) (line, rest []byte, whole bool) {
	i := bytes.IndexByte(b, '\n')
	if i < 0 {
		return bytes.TrimSuffix(b, []byte{'\r'}), nil, false
	}
	return bytes.TrimSuffix(b[:i], []byte{'\r'}), b[i+1:], true
}

const versionPrefix = "HTTP/1."

func isVersion(b []byte) bool {
	return len(b) == len(versionPrefix)+1 && string(b[:len(versionPrefix)]) == versionPrefix && '0' <= b[7] &&
		b[7] <= '9'
}

// isMethod reports whether b is a token in capitals, as all methods are (RFC 9110 §9.1).
func isMethod(b []byte) bool {
	for _, c := range b {
		if (c < 'A' || c > 'Z') && c != '_' && c != '-' {
			return false
		}
	}
	return len(b) > 0 && len(b) <= MaxMethod
}

// hasControl reports whether b holds a byte that no request line contains. Bytes beyond ASCII violate RFC 3986, but are
// common.
func hasControl(b []byte) bool {
	for _, c := range b {
		if c < ' ' && c != '\t' || c == 0x7f {
			return true
		}
	}
	return false
}
