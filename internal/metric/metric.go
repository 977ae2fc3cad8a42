// SPDX-License-Identifier: Apache-2.0

// Package metric lists weir's counters with their names, classes and help texts, and takes snapshots of their values.
// The values themselves are plain fields of the counting packages; the summaries, the top screen and exporters read a
// Snapshot by the list.
package metric

//go:generate go run ./document ../../docs/COUNTERS.md

import "iter"

// Class says what a rising counter means.
type Class uint8

// Classes.
const (
	Traffic Class = iota // ordinary work
	Notice               // worth knowing, but nothing is missing
	Loss                 // something is missing, or a limit cut it
)

func (c Class) String() string { return [...]string{"traffic", "notice", "loss"}[c] }

// Counter describes a counter, which never falls while weir runs.
type Counter struct {
	// Name follows Prometheus: lower snake case, the unit last but one, "total" last.
	Name string
	// Cause is the value of the label "cause" if several counters share the name, else "".
	Cause string
	Class Class
	// Help follows the number in summaries, so it begins with the counted thing: "packets lost: ...".
	Help string
}

// Snapshot has the value of each counter.
type Snapshot [numIDs]uint64

// Add raises a counter's value.
func (s *Snapshot) Add(id ID, n uint64) { s[id] += n }

// Happened yields the counters of at least the given class that are not 0, in the list's order.
func (s *Snapshot) Happened(class Class) iter.Seq2[*Counter, uint64] {
	return func(yield func(*Counter, uint64) bool) {
		for id := range s {
			if c := &counters[id]; s[id] > 0 && c.Class >= class && !yield(c, s[id]) {
				return
			}
		}
	}
}

// All yields the whole list.
func All() iter.Seq2[ID, *Counter] {
	return func(yield func(ID, *Counter) bool) {
		for id := range counters {
			if !yield(ID(id), &counters[id]) {
				return
			}
		}
	}
}

// Source adds its counts to a snapshot. Any goroutine may call Collect.
type Source interface{ Collect(*Snapshot) }

// Registry collects from all sources. Register every source before the first Snapshot.
type Registry struct{ sources []Source }

// Register adds sources.
func (r *Registry) Register(sources ...Source) { r.sources = append(r.sources, sources...) }

// Snapshot collects from all sources.
func (r *Registry) Snapshot() (s Snapshot) {
	for _, source := range r.sources {
		source.Collect(&s)
	}
	return s
}
