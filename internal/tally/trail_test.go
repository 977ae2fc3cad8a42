// SPDX-License-Identifier: Apache-2.0

package tally

import (
	"fmt"
	"math"
	"testing"
)

func sumOf(rates []float64, span Span) (bytes float64) {
	for _, r := range rates {
		bytes += r * float64(span.Seconds()) / float64(len(rates))
	}
	return bytes
}

// TestTrail: bytes are at their time in both spans, in any number of parts, and leave them in time.
func TestTrail(t *testing.T) {
	const now = 1_700_000_100
	var r Trail
	r.Add(now, 500)
	r.Add(now+7, 1000)
	for _, parts := range []int{1, 10, 60, 200} {
		for span := range Hour + 1 {
			const later = now + 119 // ends a slot
			if got := sumOf(r.Rates(span, later, parts), span); math.Abs(got-1500) > 1 && (parts <= 60 ||
				math.Abs(got-1500) > 200) { // 200 parts are not of equal length
				t.Errorf("span %d in %d parts: %v bytes", span, parts, got)
			}
		}
	}
	if got := fmt.Sprint(r.Rates(FiveMinutes, now+10, 60)[57:]); got != "[100 200 0]" {
		t.Errorf("got %s", got)
	}
	if got := sumOf(r.Rates(FiveMinutes, now+400, 60), FiveMinutes); got != 0 {
		t.Errorf("%v bytes after the span", got)
	}
	c := r.Clone()
	c.Add(now+8, 10)
	c.Remove(&r)
	if got := sumOf(c.Rates(Hour, now+119, 60), Hour); math.Abs(got-10) > 0.01 {
		t.Errorf("%v bytes are left", got)
	}
	if got := sumOf(r.Rates(Hour, now+119, 60), Hour); math.Abs(got-1500) > 0.01 {
		t.Errorf("the original of a copy changed: %v", got)
	}
	for second := range int64(5000) {
		r.Add(now+100+second, 1)
	}
	if len(r.fine.sums) > slots || len(r.coarse.sums) > slots || cap(r.fine.sums) > 4*slots {
		t.Errorf("%d and %d slots", cap(r.fine.sums), len(r.coarse.sums))
	}
	r.Add(now-100_000, 7) // the clock was set back
	if got := sumOf(r.Rates(Hour, now-100_000+79, 60), Hour); got != 7 {
		t.Errorf("%v bytes", got)
	}
}

// TestSpread: bytes of a past time are spread over it; those before the spans are left out.
func TestSpread(t *testing.T) {
	const now = 1_700_000_100
	var r Trail
	r.Spread(now-119, now, now, 1200)
	if got := sumOf(r.Rates(FiveMinutes, now+4, 60), FiveMinutes); math.Abs(got-1200) > 1 {
		t.Errorf("%v bytes", got)
	}
	r = Trail{}
	r.Spread(now-7200, now, now, 7201)
	if got := sumOf(r.Rates(Hour, now+59, 60), Hour); got < 3500 || got > 3601 {
		t.Errorf("%v bytes of half the time", got)
	}
	r.Spread(now, now-10, now, 5)           // no time at all
	r.Spread(math.MinInt32, 0, now, 5)      // long ago
	r.Spread(now+50, math.MaxInt32, now, 5) // to come
}
