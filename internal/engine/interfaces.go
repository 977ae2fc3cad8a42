// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"slices"
	"sync/atomic"
)

// Interfaces turns the kernel's index of an interface into the number of its name, as the name was when a frame came
// in: frames may still wait to be read when their link gets another name. Set is for one goroutine at a time; Number
// takes no lock.
type Interfaces struct {
	add   func(name string) uint16
	names atomic.Pointer[interfaceNames]
}

// interfaceNames never changes.
type interfaceNames struct {
	numbers map[uint32]uint16 // of the present names
	former  []formerName      // the oldest first
	renamed int64             // when the latest of them was given up: what came in later has a present name
}

// formerName is what an interface was called until a time.
type formerName struct {
	index  uint32
	number uint16
	until  int64
}

// maxFormerNames bounds the names that are remembered: of renames that are older than these no frame waits any more.
const maxFormerNames = 256

func (i *Interfaces) init(add func(name string) uint16) {
	i.add = add
	i.names.Store(&interfaceNames{})
}

// Set gives the names of all interfaces by their indexes, from now on.
func (i *Interfaces) Set(names map[uint32]string, now int64) {
	old := i.names.Load()
	fresh := &interfaceNames{
		numbers: make(map[uint32]uint16, len(names)), former: slices.Clone(old.former), renamed: old.renamed,
	}
	for index, name := range names {
		number := i.add(name)
		fresh.numbers[index] = number
		if was, ok := old.numbers[index]; ok && was != number {
			fresh.former = append(fresh.former, formerName{index, was, now})
			fresh.renamed = max(fresh.renamed, now)
		}
	}
	fresh.former = fresh.former[max(len(fresh.former)-maxFormerNames, 0):]
	i.names.Store(fresh)
}

// Number is that of the name which an interface had at a time; of one that is not known, a number without a name.
func (i *Interfaces) Number(index uint32, at int64) uint16 {
	names := i.names.Load()
	if at <= names.renamed {
		for _, f := range names.former {
			if f.index == index && at <= f.until {
				return f.number
			}
		}
	}
	if number, ok := names.numbers[index]; ok {
		return number
	}
	return maxInterfaces - 1
}
