// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"encoding/binary"
	"math"
	"strconv"
)

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

// isDigits reports whether b consists of decimal digits, at least one.
func isDigits(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(b) > 0
}

// cutNumber reads a decimal number of at most 5 digits.
func cutNumber(b []byte) (n int, rest []byte, ok bool) {
	i := 0
	for ; i < len(b) && i < 5 && '0' <= b[i] && b[i] <= '9'; i++ {
		n = n*10 + int(b[i]-'0')
	}
	return n, b[i:], i > 0
}

// appendDecimal appends a non-negative n in decimal.
func appendDecimal(b []byte, n int) []byte { return strconv.AppendInt(b, int64(n), 10) }
