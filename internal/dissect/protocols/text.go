// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// cutZero splits b at its first zero byte; whole is false if it has none.
func cutZero(b []byte) (text, rest []byte, whole bool) {
	return bytes.Cut(b, []byte{0})
}

// cutText16 splits off a text after its big-endian 2-byte length.
func cutText16(b []byte) (text, rest []byte, ok bool) {
	if len(b) < 2 || len(b) < 2+be16(b) {
		return nil, nil, false
	}
	return b[2 : 2+be16(b)], b[2+be16(b):], true
}

// narrowUTF16 appends the little-endian UTF-16 text to b as UTF-8, up to b's capacity; it omits an odd byte at the end.
func narrowUTF16(b, text []byte) []byte {
	for len(text) >= 2 && len(b)+utf8.UTFMax <= cap(b) {
		unit := rune(le16(text))
		text = text[2:]
		if utf16.IsSurrogate(unit) && len(text) >= 2 {
			unit = utf16.DecodeRune(unit, rune(le16(text)))
			text = text[2:]
		}
		b = utf8.AppendRune(b, unit)
	}
	return b
}

const hexDigits = "0123456789abcdef"
