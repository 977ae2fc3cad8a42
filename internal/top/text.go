// SPDX-License-Identifier: Apache-2.0

package top

import (
	"strconv"
	"strings"
)

// maxName is how many bytes of a host's name are kept: a DNS name has 253 at the most (RFC 1035, section 2.3.4).
const maxName = 253

const digits = "0123456789abcdef"

// appendPlain appends text as printable ASCII, every other byte as \xNN. So one byte is one column on every terminal,
// and no name can move the cursor, turn the reading direction or be wider than it is long.
func appendPlain[T string | []byte](b []byte, text T) []byte {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' {
			b = append(b, '\\', 'x', digits[c>>4], digits[c&15])
		} else {
			b = append(b, c)
		}
	}
	return b
}

// plain is text as appendPlain writes it.
func plain(text string) string {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' {
			return string(appendPlain(nil, text))
		}
	}
	return text
}

// left is text in exactly width columns, at the left. What does not fit is cut off, and a ~ stands there.
func left(text string, width int) string {
	switch n := len(text); {
	case width <= 0:
		return ""
	case n <= width:
		return text + strings.Repeat(" ", width-n)
	}
	return text[:width-1] + "~"
}

// leftTail is like left, but cuts at the beginning: the end of a host's name says whose it is.
func leftTail(text string, width int) string {
	if width <= 0 || len(text) <= width {
		return left(text, width)
	}
	return "~" + text[len(text)-width+1:]
}

// right is text in exactly width columns, at the right.
func right(text string, width int) string {
	if len(text) < width {
		return strings.Repeat(" ", width-len(text)) + text
	}
	return left(text, width)
}

// scaled writes a number with an SI prefix and three digits; what is below 1000 has no fraction.
func scaled(v float64) string {
	unit := 0
	for v >= 999.5 && unit < len(" kMGTPE")-1 {
		v /= 1000
		unit++
	}
	if unit == 0 {
		return strconv.FormatFloat(v, 'f', 0, 64) + " "
	}
	precision := 0
	if v < 9.995 {
		precision = 2
	} else if v < 99.95 {
		precision = 1
	}
	return strconv.FormatFloat(v, 'f', precision, 64) + " " + " kMGTPE"[unit:unit+1]
}

func bytesText(n uint64) string { return scaled(float64(n)) + "B" }

// rateText is empty for none: a screen full of zeros hides what moves.
func rateText(bytesPerSecond float64) string {
	if bytesPerSecond < 0.5 {
		return "-"
	}
	return scaled(bytesPerSecond) + "B/s"
}

func countText(v float64) string {
	if v > 0 && v < 9.95 {
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strings.TrimSpace(scaled(v))
}

// grouped writes a count with its digits in threes.
func grouped(n uint64) string {
	text := strconv.FormatUint(n, 10)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
