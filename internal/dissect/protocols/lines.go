// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"
	"iter"

	"github.com/weirnet/weir/internal/dissect"
)

// Helpers for the line protocols of mail, news, chat and file transfer: commands and replies in lines that end in CR
// LF.

// maxLines bounds the lines read of a direction: MaxStream bytes could hold 2,730 of the shortest commands ("NOOP"),
// but the first dozens reveal all of interest.
const maxLines = 256

// cutLine cuts b at its first line end, CR LF or LF alone; whole is false if b has none yet.
func cutLine(b []byte) (line, rest []byte, whole bool) {
	i := bytes.IndexByte(b, '\n')
	if i < 0 {
		return b, nil, false
	}
	return bytes.TrimSuffix(b[:i], []byte{'\r'}), b[i+1:], true
}

// wholeLines yields the complete lines of b, at most maxLines.
func wholeLines(b []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for range maxLines {
			line, rest, whole := cutLine(b)
			if !whole || !yield(line) {
				return
			}
			b = rest
		}
	}
}

// hasVerb reports whether line begins with one of the verbs, in any case, alone or before a blank. Verbs are in
// capitals.
func hasVerb(line []byte, verbs ...string) bool {
	for _, v := range verbs {
		if hasPrefixFold(line, v) && (len(line) == len(v) || line[len(v)] == ' ') {
			return true
		}
	}
	return false
}

// argument returns a line without its verb.
func argument(line []byte) []byte {
	_, rest, _ := bytes.Cut(line, []byte{' '})
	return bytes.TrimSpace(rest)
}

// containsFold reports whether b holds text, ignoring case; text must be in capitals.
func containsFold(b []byte, text string) bool {
	for i := 0; i+len(text) <= len(b); i++ {
		if hasPrefixFold(b[i:], text) {
			return true
		}
	}
	return false
}

// replyCode reads a reply's 3-digit code before a blank, before "-" (more lines follow) or before nothing (RFC 5321
// §4.2, RFC 959 §4.2); 0 if the line has none.
func replyCode(line []byte) int {
	if len(line) < 3 || len(line) > 3 && line[3] != ' ' && line[3] != '-' {
		return 0
	}
	code := 0
	for _, c := range line[:3] {
		if c < '0' || c > '9' {
			return 0
		}
		code = code*10 + int(c-'0')
	}
	if code < 100 || code > 599 {
		return 0
	}
	return code
}

// looksLikeHost reports whether b can be a host name with at least one dot.
func looksLikeHost(b []byte) bool {
	for _, c := range b {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '.' {
			return false
		}
	}
	return len(b) > 3 && len(b) <= dissect.MaxHost && bytes.IndexByte(b, '.') > 0
}

// couldBeLines reports whether b can begin lines of text: its first line so far is printable or not ASCII.
func couldBeLines(b []byte) bool {
	const longest = 1024 // RFC 5321 §4.5.3.1.6 allows 1,000
	line, _, whole := cutLine(b[:min(len(b), longest)])
	if !whole && len(line) == longest {
		return false
	}
	for _, c := range line {
		if c < ' ' && c != '\t' && c != '\r' || c == 0x7f {
			return false
		}
	}
	return true
}
