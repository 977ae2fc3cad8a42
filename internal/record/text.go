// SPDX-License-Identifier: Apache-2.0

package record

import (
	"unicode"
	"unicode/utf8"
)

// AppendText appends text as a JSON string. Bytes that are not UTF-8, and characters that could split a line, move a
// cursor or turn the reading direction, become \xNN, so that no consumer of records has to escape names again.
func AppendText[T []byte | string](b []byte, text T) []byte {
	b = append(b, '"')
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
			i++
		case c >= ' ' && c < 0x7f:
			b = append(b, c)
			i++
		case c < utf8.RuneSelf:
			b = appendEscape(b, c)
			i++
		default:
			n := printableRune(text, i)
			if n == 0 {
				b = appendEscape(b, c)
				i++
				break
			}
			b = append(b, text[i:i+n]...)
			i += n
		}
	}
	return append(b, '"')
}

// printableRune returns the length of the printable rune at text[i:], 0 if the rune is unprintable.
func printableRune[T []byte | string](text T, i int) int {
	r, n := utf8.DecodeRuneInString(string(text[i:min(len(text), i+utf8.UTFMax)]))
	if r == utf8.RuneError || !unicode.IsPrint(r) {
		return 0
	}
	return n
}

// appendEscape appends c as \xNN inside a JSON string, which doubles the backslash.
func appendEscape(b []byte, c byte) []byte {
	return append(b, '\\', '\\', 'x', digits[c>>4], digits[c&15])
}

// EndList ends a JSON list, in place of its last comma if it has one.
func EndList(b []byte) []byte {
	if b[len(b)-1] == ',' {
		b = b[:len(b)-1]
	}
	return append(b, ']')
}
