// SPDX-License-Identifier: Apache-2.0

package netifyd

import (
	"hash/maphash"
	"time"

	"github.com/weirnet/weir/internal/record"
)

// Options choose what a Translator writes.
type Options struct {
	// Prefix precedes the name of an application: "netify." makes netify.youtube of youtube.
	Prefix string
	// Stats is the least interval of a living flow's flow_stats; 0: none. A consumer that takes the first total that
	// it sees of a flow for the last needs none.
	Stats time.Duration
	// Unknown: also flows whose protocol is not known.
	Unknown bool
	// MaxFlows bounds the living flows that the translator knows; 0: maxFlows. Others are told of at their end only.
	MaxFlows int
}

// maxFlows bounds the memory of a Translator: some 150 bytes a flow.
const maxFlows = 1 << 16

// Translator turns the flow records of one connection into messages. It tells of a flow before anything else about it,
// again when its verdict changes, and of its end, with all its bytes, once.
type Translator struct {
	Options
	flows map[[32]byte]*flowState
	hash  maphash.Hash

	expired, purged uint64 // flows
	maxRSS          uint64 // KiB
	lastStatus      status
	// looked: the records since the last look for flows whose end got lost; latest: the newest time of a record.
	looked int
	latest int64
}

// flowState is what the other side knows of a flow.
type flowState struct {
	verdict uint64        // a sum of it
	counts  record.Counts // as of the last flow_stats
	at      int64         // the time of that, or of the beginning
	seen    int64         // the last packet's
	isTold  bool          // of the flow
}

// NewTranslator returns a Translator for a connection that begins.
func NewTranslator(o Options) *Translator {
	if o.MaxFlows == 0 {
		o.MaxFlows = maxFlows
	}
	return &Translator{Options: o, flows: map[[32]byte]*flowState{}}
}

// Append appends the messages that follow from a record.
func (t *Translator) Append(b []byte, f *record.Flow) []byte {
	t.latest = max(t.latest, f.LastSeen)
	s := t.flows[f.ID]
	isNew := s == nil
	if isNew {
		s = &flowState{at: f.FirstSeen}
		if f.State != record.StateEnd {
			if len(t.flows) >= t.MaxFlows {
				t.sweep()
				return b
			}
			t.flows[f.ID] = s
		}
	}
	s.seen = f.LastSeen
	if f.Protocol != "" || t.Unknown {
		b = t.flow(b, f, s)
	}
	if f.State != record.StateEnd {
		return t.stats(b, f, s)
	}
	delete(t.flows, f.ID)
	t.purged++
	if f.EndReason == record.EndIdle {
		t.expired++
	}
	if s.isTold {
		b = appendMessage(b, &envelope{Type: "flow_purge", Interface: f.Interface, Internal: isInternal(f),
			Reason: purgeReason(f.EndReason), Flow: t.counters(f, s)})
	}
	return b
}

// flow appends a flow unless the other side knows its present verdict.
func (t *Translator) flow(b []byte, f *record.Flow, s *flowState) []byte {
	verdict := t.sum(f)
	if s.isTold && s.verdict == verdict {
		return b
	}
	message := t.describe(f)
	message.DetectionUpdated = s.isTold
	s.isTold, s.verdict = true, verdict
	isTrue := true
	return appendMessage(b, &envelope{Type: "flow", Interface: f.Interface, Internal: isInternal(f),
		Established: &isTrue, Flow: message})
}

// sum returns a sum of what a flow message says, but for the counts.
func (t *Translator) sum(f *record.Flow) uint64 {
	t.hash.Reset()
	for _, text := range []string{f.Protocol, f.Application, f.Category, f.Interface} {
		t.hash.WriteString(text)
		t.hash.WriteByte(0)
	}
	t.hash.Write(f.Hostname)
	t.hash.WriteByte(byte(f.Client.Side)<<4 | byte(f.Server.Side))
	t.hash.WriteByte(byte(f.NAT.Kind)<<4 | byte(f.Method))
	t.hash.Write(f.Info)
	return t.hash.Sum64()
}

// stats appends the counts of a living flow, if they have grown and it is time.
func (t *Translator) stats(b []byte, f *record.Flow, s *flowState) []byte {
	if t.Stats == 0 || !s.isTold || f.LastSeen-s.at < int64(t.Stats) || f.Counts() == s.counts {
		return b
	}
	return appendMessage(b, &envelope{Type: "flow_stats", Interface: f.Interface, Internal: isInternal(f),
		Flow: t.counters(f, s)})
}

// counters returns the counts of a flow: of each end those since the last time, and totals.
func (t *Translator) counters(f *record.Flow, s *flowState) *counters {
	c := &counters{Digest: string(f.ID[:]), DigestPrev: []string{}, LastSeenAt: milliseconds(f.LastSeen)}
	now := f.Counts()
	since := now
	if now.Reaches(s.counts) {
		since = now.Sub(s.counts)
	}
	c.count(f, since, f.LastSeen-s.at)
	s.counts, s.at = now, f.LastSeen
	return c
}

// The look for flows whose end got lost: the agent drops records that this connection is too slow for. It comes when
// the translator is full, after so many records more. A flow that was silent for so long has ended.
const (
	sweepEvery = 4096
	deadAfter  = time.Hour
)

// sweep forgets flows that must have ended.
func (t *Translator) sweep() {
	if t.looked++; t.looked < sweepEvery {
		return
	}
	t.looked = 0
	for id, s := range t.flows {
		if t.latest-s.seen > int64(deadAfter) {
			delete(t.flows, id)
		}
	}
}

// purgeReason names the reason of a flow's end.
func purgeReason(r record.EndReason) string {
	switch r {
	case record.EndClosed, record.EndReset:
		return "closed"
	case record.EndShutdown:
		return "terminated"
	}
	return "expired"
}

func milliseconds(ns int64) int64 { return ns / int64(time.Millisecond) }
