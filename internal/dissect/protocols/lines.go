// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"
	"iter"

	"github.com/weirnet/weir/internal/dissect"
)

// The line protocols of mail, news, chat and file transfer share this: commands and replies in lines that end in CR LF.

// maxLines is how many lines of a direction are read: MaxStream bytes of the shortest commands ("NOOP") would be 2,730,
// and what tells something comes in the first dozens.
const maxLines = 256

// cutLine cuts b at its first line end, CR LF or LF alone; whole is false where there is none yet.
func cutLine(b []byte) (line, rest []byte, whole bool) {
	i := bytes.IndexByte(b, '\n')
	if i < 0 {
		return b, nil, false
	}
	return bytes.TrimSuffix(b[:i], []byte{'\r'}), b[i+1:], true
}

// wholeLines walks the lines of b that have their end, at most maxLines of them.
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

// hasVerb says whether line is one of the verbs, in any case, alone or with a blank and more behind. Verbs are in
// capitals.
func hasVerb(line []byte, verbs ...string) bool {
	for _, v := range verbs {
		if hasPrefixFold(line, v) && (len(line) == len(v) || line[len(v)] == ' ') {
			return true
		}
	}
	return false
}

// argument is what follows the verb of a line.
func argument(line []byte) []byte {
	_, rest, _ := bytes.Cut(line, []byte{' '})
	return bytes.TrimSpace(rest)
}

// containsFold says whether b holds text, which must be in capitals, in any case.
func containsFold(b []byte, text string) bool {
	for i := 0; i+len(text) <= len(b); i++ {
		if hasPrefixFold(b[i:], text) {
			return true
		}
	}
	return false
}

// replyCode reads a reply's code of three digits, followed by a blank, by "-" where more lines come, or by nothing
// (RFC 5321 §4.2, RFC 959 §4.2); 0 where there is none.
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

// looksLikeHost says whether b can be a host name with at least one dot.
func looksLikeHost(b []byte) bool {
	for _, c := range b {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '.' {
			return false
		}
	}
	return len(b) > 3 && len(b) <= dissect.MaxHost && bytes.IndexByte(b, '.') > 0
}

// couldBeLines says whether b can be the start of lines of text: what there is of the first is printable or not ASCII.
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
