// SPDX-License-Identifier: Apache-2.0

package protocols

import "bytes"

// hasPrefix reports whether b begins with prefix.
func hasPrefix(b []byte, prefix string) bool {
	return len(b) >= len(prefix) && string(b[:len(prefix)]) == prefix
}

// hasAnyPrefix reports whether b begins with one of the prefixes.
func hasAnyPrefix(b []byte, prefixes []string) bool {
	for _, p := range prefixes {
		if hasPrefix(b, p) {
			return true
		}
	}
	return false
}

// couldBe reports whether b begins with prefix, or may do so with more bytes.
func couldBe(b []byte, prefix string) bool {
	n := min(len(b), len(prefix))
	return string(b[:n]) == prefix[:n]
}

// hasPrefixFold is hasPrefix ignoring ASCII case; prefix is upper case.
func hasPrefixFold(b []byte, prefix string) bool {
	if len(b) < len(prefix) {
		return false
	}
	for i := range len(prefix) {
		c := b[i]
		if 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		if c != prefix[i] {
			return false
		}
	}
	return true
}

// isPrintable reports whether b consists of printable ASCII, tabs and line ends.
func isPrintable(b []byte) bool {
	for _, c := range b {
		if (c < ' ' || c >= 0x7f) && c != '\t' && c != '\r' && c != '\n' {
			return false
		}
	}
	return true
}

// isText reports whether the start of b is text in any encoding, without control characters except white space.
func isText(b []byte) bool {
	for _, c := range b[:min(len(b), 256)] {
		if c < ' ' && c != '\n' && c != '\r' && c != '\t' && c != '\f' {
			return false
		}
	}
	return true
}

// isZero reports whether all of b is zero.
func isZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// hasManyZeros reports whether more than one byte in 16 is zero: ciphertext has one in 256.
func hasManyZeros(b []byte) bool { return bytes.Count(b, []byte{0}) > len(b)/16 }
