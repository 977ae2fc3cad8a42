// SPDX-License-Identifier: Apache-2.0

package tally

// Trail holds bytes by time: of the last five minutes in steps of five seconds, and of the last hour by the minute. One
// without bytes takes no memory, a full one half a kilobyte.
type Trail struct{ fine, coarse series }

// Span is a time up to now.
type Span int

// The spans of a Trail.
const (
	FiveMinutes Span = iota
	Hour
)

// slots are the steps of a series.
const slots = 60

var stepOf = [...]int64{FiveMinutes: 5, Hour: 60} // seconds

// Seconds returns the length of a span.
func (s Span) Seconds() int64 { return stepOf[s] * slots }

// series holds the sums of successive slots, of which the last one has the number last.
type series struct {
	last int64
	sums []float32 // at most slots
}

// add adds to a slot. What is older than the series is long is left out.
func (s *series) add(slot int64, bytes float32) {
	switch {
	case len(s.sums) == 0:
		s.last, s.sums = slot, append(s.sums, 0)
	case slot > s.last:
		s.advance(slot)
	}
	at := int64(len(s.sums)) - 1 - (s.last - slot)
	if s.last-slot >= slots {
		return
	}
	if at < 0 {
		s.sums = append(make([]float32, -at, len(s.sums)-int(at)), s.sums...)
		at = 0
	}
	s.sums[at] = max(s.sums[at]+bytes, 0)
}

// advance appends empty slots.
func (s *series) advance(slot int64) {
	gap := min(slot-s.last, slots)
	s.last = slot
	if over := len(s.sums) + int(gap) - slots; over > 0 {
		s.sums = s.sums[:copy(s.sums, s.sums[over:])]
	}
	for range gap {
		s.sums = append(s.sums, 0)
	}
}

// addAll adds another series, sign times.
func (s *series) addAll(o *series, sign float32) {
	for i, bytes := range o.sums {
		if bytes != 0 {
			s.add(o.last-int64(len(o.sums)-1-i), sign*bytes)
		}
	}
}

// at returns the sum of a slot.
func (s *series) at(slot int64) float32 {
	if at := int64(len(s.sums)) - 1 - (s.last - slot); at >= 0 && at < int64(len(s.sums)) {
		return s.sums[at]
	}
	return 0
}

// Add adds bytes at a Unix time.
func (t *Trail) Add(now int64, bytes uint64) {
	if bytes == 0 {
		return
	}
	for span, s := range [...]*series{&t.fine, &t.coarse} {
		slot := now / stepOf[span]
		if len(s.sums) > 0 && slot < s.last-slots { // the clock was set back
			*s = series{}
		}
		s.add(slot, float32(bytes))
	}
}

// Spread adds bytes evenly over the Unix times from first to last, as far as that is within the spans before now.
func (t *Trail) Spread(first, last, now int64, bytes uint64) {
	last = min(last, now)
	for span, s := range [...]*series{&t.fine, &t.coarse} {
		step := stepOf[span]
		from, to := max(first/step, now/step-slots+1), last/step
		whole := float64(max(last-first, 0) + 1)
		for slot := from; slot <= to; slot++ {
			part := float64(min(last+1, (slot+1)*step)-max(first, slot*step)) / whole
			s.add(slot, float32(float64(bytes)*part))
		}
	}
}

// AddAll adds another trail.
func (t *Trail) AddAll(o *Trail) {
	t.fine.addAll(&o.fine, 1)
	t.coarse.addAll(&o.coarse, 1)
}

// Remove takes away another trail.
func (t *Trail) Remove(o *Trail) {
	t.fine.addAll(&o.fine, -1)
	t.coarse.addAll(&o.coarse, -1)
}

// Clone returns a copy.
func (t *Trail) Clone() (c Trail) {
	c.AddAll(t)
	return c
}

// Rates returns the bytes a second in so many equal parts of a span up to now, the oldest first.
func (t *Trail) Rates(span Span, now int64, parts int) []float64 {
	s, step := &t.fine, stepOf[span]
	if span == Hour {
		s = &t.coarse
	}
	rates := make([]float64, parts)
	first := now/step - slots + 1
	for i := range rates { // each part has the mean of its slots, or a share of one
		from, to := i*slots/parts, max((i+1)*slots/parts, i*slots/parts+1)
		for slot := from; slot < to; slot++ {
			rates[i] += float64(s.at(first + int64(slot)))
		}
		seconds := int64(to-from) * step
		if to == slots { // the last slot goes on
			seconds -= step - 1 - now%step
		}
		rates[i] /= float64(seconds)
	}
	return rates
}
