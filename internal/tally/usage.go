// SPDX-License-Identifier: Apache-2.0

package tally

import "github.com/weirnet/weir/internal/record"

// Amounts holds bytes by direction (0: the client's), and the packets of both.
type Amounts struct {
	Bytes   [2]uint64
	Packets uint64
}

// Of returns the amounts of a record.
func Of(r *record.Flow) Amounts {
	return Amounts{[2]uint64{r.Client.Bytes, r.Server.Bytes}, r.Client.Packets + r.Server.Packets}
}

// Add adds b.
func (a *Amounts) Add(b Amounts) {
	a.Bytes[0] += b.Bytes[0]
	a.Bytes[1] += b.Bytes[1]
	a.Packets += b.Packets
}

// Sub subtracts b, down to zero: a row that started anew holds less than its flows' amounts.
func (a *Amounts) Sub(b Amounts) {
	a.Bytes[0] -= min(a.Bytes[0], b.Bytes[0])
	a.Bytes[1] -= min(a.Bytes[1], b.Bytes[1])
	a.Packets -= min(a.Packets, b.Packets)
}

// Sum returns the bytes of both directions.
func (a Amounts) Sum() uint64 { return a.Bytes[0] + a.Bytes[1] }

// Window is the number of ticks, about a second each, that a rate averages. Each live flow is reported about once a
// second, at its own time: one second would show it not at all or twice; over five the error is at most a fifth.
const Window = 5

// Rate holds the amounts of the last ticks: Window complete ones and the present one.
type Rate struct {
	tick  uint64
	slots [Window + 1]Amounts
}

// Now returns the amounts of the present tick, after clearing the slots of ticks without amounts.
func (r *Rate) Now(tick uint64) *Amounts {
	for n := min(tick-r.tick, Window+1); n > 0; n-- {
		r.slots[(tick-n+1)%(Window+1)] = Amounts{}
	}
	r.tick = tick
	return &r.slots[tick%(Window+1)]
}

// Complete returns the sum of the last Window complete ticks.
func (r *Rate) Complete(tick uint64) Amounts {
	r.Now(tick)
	var sum Amounts
	for i, a := range r.slots {
		if uint64(i) != tick%(Window+1) {
			sum.Add(a)
		}
	}
	return sum
}

// Usage holds the amounts of a flow, or of a row of flows: since its beginning, and the recent ones.
type Usage struct {
	Total Amounts
	Rate  Rate
}

// Count adds amounts in a tick.
func (u *Usage) Count(a Amounts, tick uint64) {
	u.Total.Add(a)
	u.Rate.Now(tick).Add(a)
}

// Give adds all amounts of another Usage.
func (u *Usage) Give(o *Usage, tick uint64) {
	u.Rate.Now(tick)
	o.Rate.Now(tick)
	u.Total.Add(o.Total)
	for i := range u.Rate.slots {
		u.Rate.slots[i].Add(o.Rate.slots[i])
	}
}

// Take removes all amounts of another Usage.
func (u *Usage) Take(o *Usage, tick uint64) {
	u.Rate.Now(tick)
	o.Rate.Now(tick)
	u.Total.Sub(o.Total)
	for i := range u.Rate.slots {
		u.Rate.slots[i].Sub(o.Rate.slots[i])
	}
}
