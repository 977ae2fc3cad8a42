// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"
	"encoding/binary"
	"math"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/weirnet/weir/internal/dissect"
)

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

// be16, be32, le16 and le32 read a number at the start of b, which must be long enough. On 32-bit machines they clamp
// numbers to math.MaxInt32: no length is greater, and none may turn negative. ube32 and ule32 return the exact number.
func be16(b []byte) int { return int(binary.BigEndian.Uint16(b)) }
func be32(b []byte) int { return int(min(uint64(binary.BigEndian.Uint32(b)), math.MaxInt)) }
func le16(b []byte) int { return int(binary.LittleEndian.Uint16(b)) }
func le32(b []byte) int { return int(min(uint64(binary.LittleEndian.Uint32(b)), math.MaxInt)) }

// be24 reads three bytes. ube32 and ule32 return all 32 bits, for magic numbers and masks.
func be24(b []byte) int     { return int(b[0])<<16 | int(b[1])<<8 | int(b[2]) }
func ube32(b []byte) uint32 { return binary.BigEndian.Uint32(b) }
func ule32(b []byte) uint32 { return binary.LittleEndian.Uint32(b) }

// isPrintable reports whether b consists of printable ASCII, tabs and line ends.
func isPrintable(b []byte) bool {
	for _, c := range b {
		if (c < ' ' || c >= 0x7f) && c != '\t' && c != '\r' && c != '\n' {
			return false
		}
	}
	return true
}

// countMessages walks consecutive messages in b. length returns the length of the message at the start of its argument:
// 0 if it needs more of the header, negative if no message begins so. whole is the number of complete messages, rest
// the number of bytes after them; ok is false if those can't begin a message.
func countMessages(b []byte, length func([]byte) int) (whole, rest int, ok bool) {
	for len(b) > 0 {
		n := length(b)
		if n < 0 {
			return whole, len(b), false
		}
		if n == 0 || n > len(b) {
			break
		}
		b = b[n:]
		whole++
	}
	return whole, len(b), true
}

// cutZero splits b at its first zero byte; whole is false if it has none.
func cutZero(b []byte) (text, rest []byte, whole bool) {
	return bytes.Cut(b, []byte{0})
}

// jsonText returns the raw value of the first text member name of the JSON text b: `"name":"value"`, with white space
// around the colon; nil if absent. The flat messages at the start of protocols need no more.
func jsonText(b []byte, name string) []byte {
	for {
		i := bytes.IndexByte(b, '"')
		if i < 0 {
			return nil
		}
		b = b[i+1:]
		if !hasPrefix(b, name) || len(b) == len(name) || b[len(name)] != '"' {
			continue
		}
		value := bytes.TrimLeft(b[len(name)+1:], " \t")
		if len(value) == 0 || value[0] != ':' {
			continue
		}
		value = bytes.TrimLeft(value[1:], " \t")
		if len(value) == 0 || value[0] != '"' {
			return nil
		}
		if end := bytes.IndexByte(value[1:], '"'); end >= 0 {
			return value[1 : 1+end]
		}
		return nil
	}
}

// appendDecimal appends a non-negative n in decimal.
func appendDecimal(b []byte, n int) []byte { return strconv.AppendInt(b, int64(n), 10) }

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

// moreIf is NeedMore while the protocol is possible, No otherwise.
func moreIf(possible bool) dissect.Verdict {
	if possible {
		return dissect.NeedMore
	}
	return dissect.No
}

// cutText16 splits off a text after its big-endian 2-byte length.
func cutText16(b []byte) (text, rest []byte, ok bool) {
	if len(b) < 2 || len(b) < 2+be16(b) {
		return nil, nil, false
	}
	return b[2 : 2+be16(b)], b[2+be16(b):], true
}

// crcCCITT is the checksum of polynomial x^16+x^12+x^5+1, the highest bit first, continued from crc.
func crcCCITT(crc uint16, b []byte) int {
	for _, v := range b {
		crc ^= uint16(v) << 8
		for range 8 {
			carry := crc & 0x8000
			crc <<= 1
			if carry != 0 {
				crc ^= 0x1021
			}
		}
	}
	return int(crc)
}

// otherSide returns the payload of the side that did not speak first: its stream, or the newest datagram if that side
// sent it.
func otherSide(c *dissect.Conversation) []byte {
	if c.Transport == dissect.TCP {
		return c.Second()
	}
	if d := c.Newest(); d.FromClient != c.Datagrams[0].FromClient {
		return d.Payload
	}
	return nil
}

const hexDigits = "0123456789abcdef"
