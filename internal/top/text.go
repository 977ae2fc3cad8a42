// SPDX-License-Identifier: Apache-2.0

package top

import (
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// maxName bounds the bytes of a host's name: a DNS name has at most 253 (RFC 1035 §2.3.4).
const maxName = 253

const digits = "0123456789abcdef"

// shownScripts are the scripts that are shown: each rune stands for itself, from left to right, in one cell or two.
var shownScripts = []*unicode.RangeTable{unicode.Latin, unicode.Greek, unicode.Cyrillic, unicode.Armenian,
	unicode.Georgian, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Bopomofo}

// isShown reports whether a rune is shown as itself. Others are not: they join with their neighbours, turn the reading
// direction, have no width or one that terminals disagree on.
func isShown(r rune) bool {
	switch {
	case r < 0x80:
		return r >= ' ' && r <= '~'
	case !unicode.IsPrint(r) || unicode.In(r, unicode.M, unicode.Sk) || r >= 0xff61 && r <= 0xffdc:
		return false
	case r >= 0xac00 && r <= 0xd7a3: // Hangul syllables
		return true
	case r >= 0xa1 && r <= 0xff || r >= 0x2010 && r <= 0x2027 || r >= 0x2030 && r <= 0x205e:
		return r != 0xa9 && r != 0xae && r != 0x203c && r != 0x2049 // emoji of one cell or two
	}
	return unicode.In(r, shownScripts...)
}

// runeWidth returns the cells of a shown rune, or of one that the screen draws itself.
func runeWidth(r rune) int {
	switch {
	case r < 0x1100:
		return 1
	case r >= 0xac00 && r <= 0xd7a3 || r >= 0xff01 && r <= 0xff60 || r >= 0xffe0 && r <= 0xffe6:
		return 2
	case unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Bopomofo):
		return 2
	}
	return 1
}

// widthOf returns the cells of a text.
func widthOf(text string) (n int) {
	for _, r := range text {
		n += runeWidth(r)
	}
	return n
}

// shown returns a text in runes that are shown, every byte of others as \xNN. So no name can move the cursor, turn the
// reading direction, or be wider than it seems. ascii: every rune that is no ASCII is such another.
func shown(text string, ascii bool) string {
	var b strings.Builder
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		if isShown(r) && !(r == utf8.RuneError && n == 1) && (r < 0x80 || !ascii) {
			b.WriteString(text[i : i+n])
		} else {
			for _, c := range []byte(text[i : i+n]) {
				b.Write([]byte{'\\', 'x', digits[c>>4], digits[c&15]})
			}
		}
		i += n
	}
	return b.String()
}

// left aligns text left in exactly width cells. A ~ marks a cut.
func left(text string, width int) string {
	if width <= 0 {
		return ""
	}
	n := widthOf(text)
	if n > width {
		used := 0
		for i, r := range text {
			if used+runeWidth(r) > width-1 {
				text = text[:i] + "~"
				break
			}
			used += runeWidth(r)
		}
		n = widthOf(text)
	}
	return text + strings.Repeat(" ", width-n)
}

// leftTail is like left, but cuts the beginning: the end of a host's name shows its owner.
func leftTail(text string, width int) string {
	n := widthOf(text)
	if width <= 0 || n <= width {
		return left(text, width)
	}
	for i, r := range text {
		if n <= width-1 {
			return left("~"+text[i:], width)
		}
		n -= runeWidth(r)
	}
	return left("~", width)
}

// right aligns text right in exactly width cells.
func right(text string, width int) string {
	if n := widthOf(text); n < width {
		return strings.Repeat(" ", width-n) + text
	}
	return left(text, width)
}

func decimal[T uint16 | int](n T) string { return strconv.Itoa(int(n)) }

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

// rateText is short for 0: a screen full of zeros hides what moves.
func (m *model) rateText(bytesPerSecond float64) string {
	if bytesPerSecond < 0.5 {
		return "-"
	}
	return m.fullRate(bytesPerSecond)
}

func (m *model) fullRate(bytesPerSecond float64) string {
	if m.bytes {
		return scaled(bytesPerSecond) + "B/s"
	}
	return scaled(bytesPerSecond*8) + "bit/s"
}

func countText(v float64) string {
	if v > 0 && v < 9.95 {
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strings.TrimSpace(scaled(v))
}

// ageText formats a duration in five columns.
func ageText(d time.Duration) string {
	switch {
	case d < time.Second:
		return "0 s"
	case d < 100*time.Second:
		return decimal(int(d/time.Second)) + " s"
	case d < 100*time.Minute:
		return decimal(int(d/time.Minute)) + " min"
	case d < 100*time.Hour:
		return decimal(int(d/time.Hour)) + " h"
	}
	return decimal(int(d/(24*time.Hour))) + " d"
}

// grouped formats a count with its digits in threes.
func grouped(n uint64) string {
	text := strconv.FormatUint(n, 10)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
