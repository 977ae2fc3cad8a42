// SPDX-License-Identifier: Apache-2.0

package top

import (
	"strconv"
	"strings"
)

// maxName bounds the bytes of a host's name: a DNS name has at most 253 (RFC 1035 §2.3.4).
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

// plain returns text in the form of appendPlain.
func plain(text string) string {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' {
			return string(appendPlain(nil, text))
		}
	}
	return text
}

// left aligns text left in exactly width columns. A ~ marks a cut.
func left(text string, width int) string {
	switch n := len(text); {
	case width <= 0:
		return ""
	case n <= width:
		return text + strings.Repeat(" ", width-n)
	}
	return text[:width-1] + "~"
}

// leftTail is like left, but cuts the beginning: the end of a host's name shows its owner.
func leftTail(text string, width int) string {
	if width <= 0 || len(text) <= width {
		return left(text, width)
	}
	return "~" + text[len(text)-width+1:]
}

// right aligns text right in exactly width columns.
func right(text string, width int) string {
	if len(text) < width {
		return strings.Repeat(" ", width-len(text)) + text
	}
	return left(text, width)
}

// scaled formats a number with an SI prefix and three digits; below 1000 without a fraction.
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

// rateText is empty for 0: a screen full of zeros hides what moves.
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

// grouped formats a count with its digits in threes.
func grouped(n uint64) string {
	text := strconv.FormatUint(n, 10)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
