// SPDX-License-Identifier: Apache-2.0

// Package metric holds the list of what weir counts, and takes snapshots of it. The counts themselves are plain fields
// of whoever counts; summaries, the screen and whatever exports them read a Snapshot by the list.
package metric

//go:generate go run ./document ../../docs/COUNTERS.md

import "iter"

// Class says what a counter's going up means.
type Class uint8

// The classes.
const (
	Traffic Class = iota // weir does its work
	Notice               // worth knowing, and nothing is missing by it
	Loss                 // something is missing, or was cut at a limit
)

func (c Class) String() string { return [...]string{"traffic", "notice", "loss"}[c] }

// Counter describes a counter, which only goes up while weir runs.
type Counter struct {
	// Name is in the manner of Prometheus: lower snake case, the unit last but one, "total" last.
	Name string
	// Cause is the label "cause" of one of several counters with the same name, "" where there is one.
	Cause string
	Class Class
	// Help goes on after the number, and begins with what is counted: "packets lost: ...".
	Help string
}

// Snapshot has the value of each counter.
type Snapshot [numIDs]uint64

// Add raises a counter's value.
func (s *Snapshot) Add(id ID, n uint64) { s[id] += n }

// Happened yields, in the list's order, the counters of class and above that are not 0.
func (s *Snapshot) Happened(class Class) iter.Seq2[*Counter, uint64] {
	return func(yield func(*Counter, uint64) bool) {
		for id := range s {
			if c := &counters[id]; s[id] > 0 && c.Class >= class && !yield(c, s[id]) {
				return
			}
		}
	}
}

// All yields the list.
func All() iter.Seq2[ID, *Counter] {
	return func(yield func(ID, *Counter) bool) {
		for id := range counters {
			if !yield(ID(id), &counters[id]) {
				return
			}
		}
	}
}

// Source counts, and adds what it has counted to a snapshot. Collect may be called from any goroutine.
type Source interface{ Collect(*Snapshot) }

// SourceFunc is a Source of one function.
type SourceFunc func(*Snapshot)

// Collect calls the function.
func (f SourceFunc) Collect(s *Snapshot) { f(s) }

// Registry knows who counts. Register all before the first Snapshot.
type Registry struct{ sources []Source }

// Register adds sources.
func (r *Registry) Register(sources ...Source) { r.sources = append(r.sources, sources...) }

// Snapshot asks all sources.
func (r *Registry) Snapshot() (s Snapshot) {
	for _, source := range r.sources {
		source.Collect(&s)
	}
	return s
}
