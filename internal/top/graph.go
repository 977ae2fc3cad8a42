// SPDX-License-Identifier: Apache-2.0

package top

import (
	"slices"
	"strings"

	"github.com/weirnet/weir/internal/tally"
)

// seconds holds the bytes of each second of the last hour.
type seconds struct {
	newest int64
	bytes  []float32
}

const hourSeconds = 3600

// slot returns the place of a Unix time, or nil.
func (s *seconds) slot(at int64) *float32 {
	if s.bytes == nil || at < s.newest-2*hourSeconds { // or the clock was set back
		s.bytes, s.newest = make([]float32, hourSeconds), at
	}
	if gap := at - s.newest; gap > hourSeconds {
		clear(s.bytes)
		s.newest = at
	}
	for ; s.newest < at; s.newest++ {
		s.bytes[(s.newest+1)%hourSeconds] = 0
	}
	if at < 0 || at <= s.newest-hourSeconds {
		return nil
	}
	return &s.bytes[at%hourSeconds]
}

func (s *seconds) add(at int64, bytes uint64) {
	if p := s.slot(at); p != nil {
		*p += float32(bytes)
	}
}

// spread adds bytes evenly over the times from first to last.
func (s *seconds) spread(first, last, now int64, bytes uint64) {
	s.slot(now)
	n := last - first + 1
	for at := max(first, now-hourSeconds+1); at <= last; at++ {
		if p := s.slot(at); p != nil {
			*p += float32(bytes) / float32(n)
		}
	}
}

// rates returns the bytes a second in so many equal parts of a span up to now, the oldest first.
func (s *seconds) rates(span tally.Span, now int64, parts int) []float64 {
	rates := make([]float64, parts)
	if s.bytes == nil {
		return rates
	}
	length := span.Seconds()
	first := now - length
	for i := range rates {
		from, to := int64(i)*length/int64(parts), int64(i+1)*length/int64(parts)
		to = max(to, from+1)
		for at := first + from; at < first+to; at++ {
			if at > s.newest-hourSeconds && at <= s.newest && at >= 0 {
				rates[i] += float64(s.bytes[at%hourSeconds])
			}
		}
		rates[i] /= float64(to - from)
	}
	return rates
}

// blocks are eighths of a character cell, marks their replacement where only ASCII is certain.
var (
	blocks = []string{" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"}
	marks  = []string{" ", ".", ".", ":", ":", "-", "=", "#", "#"}
	parts  = []string{"", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"} // of a bar
)

// spark draws rates in one line.
func spark(rates []float64, ascii bool) string {
	most := slices.Max(append(rates, 1))
	var b strings.Builder
	for _, r := range rates {
		b.WriteString(level(r/most, ascii))
	}
	return b.String()
}

// level draws a share of a cell; a little is never nothing.
func level(share float64, ascii bool) string {
	const eighths = 8
	n := int(share*eighths + 0.5)
	if share > 0.002 {
		n = max(n, 1)
	}
	n = min(max(n, 0), eighths)
	if ascii {
		return marks[n]
	}
	return blocks[n]
}

// bar draws a share of a width.
func bar(share float64, width int, ascii bool) string {
	const eighths = 8
	n := min(max(int(share*float64(width*eighths)+0.5), 0), width*eighths)
	if share > 0.002 {
		n = max(n, 1)
	}
	if ascii {
		return strings.Repeat("=", (n+eighths-1)/eighths)
	}
	return strings.Repeat("█", n/eighths) + parts[n%eighths]
}

// area draws rates in lines, the uppermost first.
func area(rates []float64, height int, ascii bool) []string {
	most := slices.Max(append(rates, 1))
	lines := make([]string, height)
	for y := range lines {
		var b strings.Builder
		floor := float64(height - 1 - y)
		for _, r := range rates {
			share := r/most*float64(height) - floor
			switch {
			case share <= 0:
				b.WriteByte(' ')
			case floor > 0 && share < 1.0/16: // less than half an eighth
				b.WriteByte(' ')
			default:
				b.WriteString(level(min(share, 1), ascii))
			}
		}
		lines[y] = b.String()
	}
	return lines
}
