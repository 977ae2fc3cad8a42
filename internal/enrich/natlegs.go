// SPDX-License-Identifier: Apache-2.0

package enrich

import (
	"sync/atomic"
	"time"

	"github.com/weirnet/weir/internal/conntrack"
	"github.com/weirnet/weir/internal/flow"
	"github.com/weirnet/weir/internal/record"
)

const (
	// maxPairs bounds the connections that wait for the end of their other leg, and the live ones that keep their
	// records.
	maxPairs   = 16384
	sweepEvery = time.Minute
)

// natLegs is the stage that joins a translated connection's legs where they are flows of their own. It holds them while
// they wait for each other.
type natLegs struct {
	next  func(*record.Flow, *pairKey) error
	pairs map[pairKey]*pair
	// oneLeg holds pairs without a live leg, which lack the other leg's end; withLive pairs with a live leg and
	// records.
	oneLeg, withLive queue
	swept            time.Time
	full             atomic.Uint64 // pairs refused for want of room

	wait        time.Duration // see defaults.LegPatience
	liveSilence time.Duration // see defaults.LegForgotten
}

// pairKey identifies a connection: the key of its original tuple, and the kernel's identifier, since ports are reused.
type pairKey struct {
	tuple flow.Key
	id    uint32
}

// pair holds the legs of one connection. It owes the counts of its ended flows, which nobody else reports; a live flow
// reports its counts again with its next record.
type pair struct {
	key     pairKey
	legs    [2]leg // the client's packets, the server's
	step    int64  // record.Flow.Step of the last record
	in      *queue // nil: none
	turn    uint64 // its turn in that queue
	since   time.Time
	heard   time.Time
	isKnown bool // has passed a record on
	id      [32]byte
}

func keyOf(f *conntrack.Found) pairKey {
	key, _ := f.Original.Key()
	return pairKey{key, f.ID}
}

// isNATLeg reports whether a record is of one leg of a translated connection only: legs counted apart have the packets
// of one end each, since weir counts packets where they come in. See also hasOutlived.
func isNATLeg(r *record.Flow, f *conntrack.Found) bool {
	oneWay := (r.Client.Packets == 0) != (r.Server.Packets == 0)
	return oneWay && mayHaveLegs(f)
}

func mayHaveLegs(f *conntrack.Found) bool {
	return !f.IsShared && f.IsTranslated() && f.Status&conntrack.SeenReply != 0
}

// outlivedSlack bounds the delay of the event of a connection's end.
const outlivedSlack = 2 * time.Second

// hasOutlived reports whether a record with packets of both ends may still be of the server's leg: its flow went on
// after the kernel had forgotten the connection, as when a link with masquerade goes down. The gateway takes later
// packets as its own and answers them with resets, which leave under the leg's name.
func (x *natLegs) hasOutlived(r *record.Flow, f *conntrack.Found, now time.Time) bool {
	if !f.IsReply || f.Ended == 0 || !mayHaveLegs(f) || r.State != record.StateEnd && x.pairs[keyOf(f)] == nil {
		return false
	}
	ended := now.Add(-f.Ended)
	return ended.Before(time.Unix(0, r.LastSeen).Add(outlivedSlack))
}

// whichLeg returns a record's leg: the client's (0) or the server's (1).
func whichLeg(r *record.Flow) int {
	if r.Server.Packets == 0 {
		return 0
	}
	return 1
}

// flow joins a leg's record with the other leg's.
func (x *natLegs) flow(r *record.Flow, f *conntrack.Found, now time.Time) error {
	key := keyOf(f)
	p := x.pairs[key]
	if p == nil {
		p = &pair{key: key}
		x.pairs[key] = p
	}
	p.heard = now
	p.legs[whichLeg(r)].take(r)
	p.step = r.Step
	return x.progress(p, now)
}

// progress passes a pair's record on, if the pair is ready.
func (x *natLegs) progress(p *pair, now time.Time) error {
	switch {
	case p.isLive():
		p.enter(&x.withLive, now)
		merged := p.merge(true)
		merged.State, merged.EndReason = record.StateUpdate, record.NotEnded
		if !p.isKnown {
			merged.State = record.StateNew
		}
		p.isKnown, p.id = true, merged.ID
		if err := x.next(merged, &p.key); err != nil {
			return err
		}
	case p.legs[0].hasEnded() && p.legs[1].hasEnded():
		return x.finish(p)
	default:
		p.enter(&x.oneLeg, now)
	}
	return x.makeRoom()
}

// finish passes on what a pair owes, and deletes it.
func (x *natLegs) finish(p *pair) error {
	p.leave()
	delete(x.pairs, p.key)
	if !p.owes() {
		return nil
	}
	return x.next(p.merge(false), &p.key)
}

// bothWays handles a record that has both legs: its earlier records, with one end only, were no leg.
func (x *natLegs) bothWays(r *record.Flow, f *conntrack.Found, now time.Time) {
	p := x.pairs[keyOf(f)]
	if p == nil {
		return
	}
	p.legs[0].live, p.legs[1].live = sum{}, sum{}
	if !p.owes() {
		p.leave()
		delete(x.pairs, p.key)
		return
	}
	if p.id == r.ID { // this flow's id now
		p.isKnown = false
	}
	p.enter(&x.oneLeg, now)
}

// makeRoom enforces the limits. It passes on what is owed; live legs report again with their flows' next records.
func (x *natLegs) makeRoom() error {
	for x.oneLeg.n > maxPairs {
		x.full.Add(1)
		if err := x.finish(x.oneLeg.first()); err != nil {
			return err
		}
	}
	for x.withLive.n > maxPairs {
		x.full.Add(1)
		if err := x.passEnded(x.withLive.first()); err != nil {
			return err
		}
	}
	return nil
}

// passEnded passes on what a live pair owes as a record of its own, and keeps only its id and live counts: these are as
// many as live flows, and smaller.
func (x *natLegs) passEnded(p *pair) (err error) {
	p.leave()
	if p.owes() {
		rest := p.merge(false)
		if lives := p.liveID(rest); p.isKnown && p.id == lives { // continues under that id
			if rest.ID = idOf(rest, rest.Began()); rest.ID == lives {
				rest.ID = idOf(rest, rest.Began()+1)
			}
		} else {
			p.isKnown = false
		}
		err = x.next(rest, &p.key)
	}
	for i := range p.legs {
		p.legs[i] = leg{live: p.legs[i].live}
	}
	return err
}

// tick passes on the records that have waited long enough.
func (x *natLegs) tick(now time.Time) error {
	for p := x.oneLeg.first(); p != nil && now.Sub(p.since) >= x.wait; p = x.oneLeg.first() {
		if err := x.finish(p); err != nil {
			return err
		}
	}
	if now.Sub(x.swept) < sweepEvery {
		return nil
	}
	x.swept = now
	for _, p := range x.pairs {
		if p.isLive() && now.Sub(p.heard) >= x.liveSilence {
			if err := x.passEnded(p); err != nil {
				return err
			}
			delete(x.pairs, p.key)
		}
	}
	return nil
}

// close passes on all that is owed, after the last flow's end.
func (x *natLegs) close() error {
	for _, p := range x.pairs {
		if err := x.finish(p); err != nil {
			return err
		}
	}
	return nil
}
