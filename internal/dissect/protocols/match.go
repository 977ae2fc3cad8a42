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

// hasPrefix says whether b begins with prefix.
func hasPrefix(b []byte, prefix string) bool {
	return len(b) >= len(prefix) && string(b[:len(prefix)]) == prefix
}

// hasAnyPrefix says whether b begins with one of the prefixes.
func hasAnyPrefix(b []byte, prefixes []string) bool {
	for _, p := range prefixes {
		if hasPrefix(b, p) {
			return true
		}
	}
	return false
}

// couldBe says whether b is, or may with more bytes become, something that begins with prefix.
func couldBe(b []byte, prefix string) bool {
	n := min(len(b), len(prefix))
	return string(b[:n]) == prefix[:n]
}

// hasPrefixFold is hasPrefix for ASCII text in any case; prefix is upper case.
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

// be16, be32, le16 and le32 read a number at the start of b, which must be long enough. On 32-bit machines what is
// above math.MaxInt32 becomes that: no length is as long, and none must turn negative. ube32 and ule32 give those.
func be16(b []byte) int { return int(binary.BigEndian.Uint16(b)) }
func be32(b []byte) int { return int(min(uint64(binary.BigEndian.Uint32(b)), math.MaxInt)) }
func le16(b []byte) int { return int(binary.LittleEndian.Uint16(b)) }
func le32(b []byte) int { return int(min(uint64(binary.LittleEndian.Uint32(b)), math.MaxInt)) }

// be24 reads three bytes. ube32 and ule32 give all 32 bits, for magic numbers and masks.
func be24(b []byte) int     { return int(b[0])<<16 | int(b[1])<<8 | int(b[2]) }
func ube32(b []byte) uint32 { return binary.BigEndian.Uint32(b) }
func ule32(b []byte) uint32 { return binary.LittleEndian.Uint32(b) }

// isPrintable says whether all of b is printable ASCII, tabs and line ends.
func isPrintable(b []byte) bool {
	for _, c := range b {
		if (c < ' ' || c >= 0x7f) && c != '\t' && c != '\r' && c != '\n' {
			return false
		}
	}
	return true
}

// countMessages walks the messages that follow one another in b. length gives the length of the message with which its
// argument begins: 0 where more of its header is needed, negative where no message begins so. whole is how many are
// there completely, rest how many bytes follow them, and ok is false where those can't become a message.
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

// cutZero is the text before the first zero byte of b, and what follows that; whole is false where there is none.
func cutZero(b []byte) (text, rest []byte, whole bool) {
	return bytes.Cut(b, []byte{0})
}

// jsonText is the value of the first text member name of the JSON text b, as it stands there: `"name":"value"`, with
// white space around the colon; nil where there is none. It is enough for the flat messages with which protocols begin.
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

// appendDecimal appends n, which is not negative, in decimal.
func appendDecimal(b []byte, n int) []byte { return strconv.AppendInt(b, int64(n), 10) }

// narrowUTF16 appends the little-endian UTF-16 text to b as UTF-8, up to b's capacity; odd bytes at the end are left
// out.
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

// moreIf is NeedMore while it is possible that it is the protocol, and No otherwise.
func moreIf(possible bool) dissect.Verdict {
	if possible {
		return dissect.NeedMore
	}
	return dissect.No
}

// cutText16 cuts what has its length in two bytes, big endian, before it.
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

// otherSide is what the side that did not speak first said: its stream, or the newest datagram where that is one of its
// own.
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
