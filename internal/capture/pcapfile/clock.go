// SPDX-License-Identifier: Apache-2.0

package pcapfile

import (
	"math"
	"math/bits"
)

// clock converts an interface's timestamps to nanoseconds: ticks × multiply / divide, or ticks × 10⁹ / 2^shift, plus
// the offset.
type clock struct {
	multiply, divide uint64 // one of them is 1
	shift            uint8
	binary           bool
	offset           int64 // nanoseconds
}

// newClock makes the clock of an if_tsresol: with the upper bit a negative power of 2, else of 10.
func newClock(resolution byte) clock {
	exponent := resolution & 0x7f
	c := clock{multiply: 1, divide: 1}
	switch {
	case resolution&0x80 != 0:
		c.binary, c.shift = true, exponent
	case exponent <= 9:
		c.multiply = powerOf10(9 - exponent)
	default:
		c.divide = powerOf10(exponent - 9)
	}
	return c
}

// powerOf10 returns 10^n, or the largest uint64 if that is larger: divided by it, any timestamp is 0 (the very last 1).
func powerOf10(n uint8) uint64 {
	if n > 19 {
		return math.MaxUint64
	}
	p := uint64(1)
	for range n {
		p *= 10
	}
	return p
}

// setOffset sets the if_tsoffset. Times that do not fit stay at the end of the range, some 292 years from 1970.
func (c *clock) setOffset(seconds int64) {
	const limit = math.MaxInt64 / 1_000_000_000
	c.offset = max(-limit, min(limit, seconds)) * 1e9
}

// nanoseconds converts a timestamp of the clock's interface.
func (c *clock) nanoseconds(ticks uint64) int64 {
	var high, low uint64
	switch {
	case c.binary:
		high, low = bits.Mul64(ticks, 1e9)
		high, low = shiftRight(high, low, c.shift)
	case c.divide != 1:
		low = ticks / c.divide
	default:
		high, low = bits.Mul64(ticks, c.multiply)
	}
	if high != 0 || low > math.MaxInt64 {
		low = math.MaxInt64
	}
	return addSaturating(int64(low), c.offset)
}

// shiftRight shifts a number of 128 bits right by n < 128.
func shiftRight(high, low uint64, n uint8) (uint64, uint64) {
	if n >= 64 {
		return 0, high >> (n - 64)
	}
	return high >> n, low>>n | high<<(64-n)
}

// addSaturating adds to a number that is not negative.
func addSaturating(a, b int64) int64 {
	if b > math.MaxInt64-a {
		return math.MaxInt64
	}
	return a + b
}
