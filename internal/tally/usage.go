// SPDX-License-Identifier: Apache-2.0

package tally

import "github.com/weirnet/weir/internal/record"

// Amounts are bytes by direction (0: the client's), and packets of both.
type Amounts struct {
	Bytes   [2]uint64
	Packets uint64
}

// Of are the amounts of a record.
func Of(r *record.Flow) Amounts {
	return Amounts{[2]uint64{r.Client.Bytes, r.Server.Bytes}, r.Client.Packets + r.Server.Packets}
}

// Add adds b.
func (a *Amounts) Add(b Amounts) {
	a.Bytes[0] += b.Bytes[0]
	a.Bytes[1] += b.Bytes[1]
	a.Packets += b.Packets
}

// Sub takes b away. It stops at zero: a row that was begun anew holds less than its flows once had.
func (a *Amounts) Sub(b Amounts) {
	a.Bytes[0] -= min(a.Bytes[0], b.Bytes[0])
	a.Bytes[1] -= min(a.Bytes[1], b.Bytes[1])
	a.Packets -= min(a.Packets, b.Packets)
}

// Sum is the bytes of both directions.
func (a Amounts) Sum() uint64 { return a.Bytes[0] + a.Bytes[1] }

// Window is over how many ticks, so about how many seconds, rates are the mean. Each live flow is reported about once a
// second, at a time of its own: over a second it would be seen not at all or twice, over five the error is a fifth at
// most.
const Window = 5

// Rate holds the amounts of the last ticks: Window complete ones, and the one that goes on.
type Rate struct {
	tick  uint64
	slots [Window + 1]Amounts
}

// Now returns the amounts of the tick that goes on, after emptying the slots of ticks that went by without any.
func (r *Rate) Now(tick uint64) *Amounts {
	for n := min(tick-r.tick, Window+1); n > 0; n-- {
		r.slots[(tick-n+1)%(Window+1)] = Amounts{}
	}
	r.tick = tick
	return &r.slots[tick%(Window+1)]
}

// Complete is the sum of the last Window complete ticks.
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

// Usage is what a flow, or a row of flows, amounts to: since the beginning, and of late.
type Usage struct {
	Total Amounts
	Rate  Rate
}

// Count adds amounts in a tick.
func (u *Usage) Count(a Amounts, tick uint64) {
	u.Total.Add(a)
	u.Rate.Now(tick).Add(a)
}

// Give and Take add and remove all that another one has.
func (u *Usage) Give(o *Usage, tick uint64) {
	u.Rate.Now(tick)
	o.Rate.Now(tick)
	u.Total.Add(o.Total)
	for i := range u.Rate.slots {
		u.Rate.slots[i].Add(o.Rate.slots[i])
	}
}

// Take is the opposite of Give.
func (u *Usage) Take(o *Usage, tick uint64) {
	u.Rate.Now(tick)
	o.Rate.Now(tick)
	u.Total.Sub(o.Total)
	for i := range u.Rate.slots {
		u.Rate.slots[i].Sub(o.Rate.slots[i])
	}
}
