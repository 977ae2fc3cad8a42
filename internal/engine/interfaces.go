// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"slices"
	"sync/atomic"
)

// Interfaces maps the kernel's index of an interface to the number of its name at the time of a frame: frames may wait
// to be read while their link is renamed or goes. One goroutine at a time may call Set; Number takes no lock.
type Interfaces struct {
	add   func(name string) uint16
	names atomic.Pointer[interfaceNames]
}

// interfaceNames is immutable.
type interfaceNames struct {
	numbers map[uint32]uint16 // of the present names
	former  []formerName      // the oldest first
	renamed int64             // when the latest of them ended: later frames have a present name
}

// formerName is an interface's name until a time.
type formerName struct {
	index  uint32
	number uint16
	until  int64
}

// maxFormerNames bounds the remembered names: no frame waits longer than that many renames.
const maxFormerNames = 256

func (i *Interfaces) init(add func(name string) uint16) {
	i.add = add
	i.names.Store(&interfaceNames{})
}

// Set sets the names of all interfaces by their indices, from now on.
func (i *Interfaces) Set(names map[uint32]string, now int64) {
	old := i.names.Load()
	fresh := &interfaceNames{
		numbers: make(map[uint32]uint16, len(names)), former: slices.Clone(old.former), renamed: old.renamed,
	}
	for index, name := range names {
		fresh.numbers[index] = i.add(name)
	}
	for index, was := range old.numbers {
		if number, ok := fresh.numbers[index]; !ok || number != was { // gone or renamed: its frames may still wait
			fresh.former = append(fresh.former, formerName{index, was, now})
			fresh.renamed = max(fresh.renamed, now)
		}
	}
	fresh.former = fresh.former[max(len(fresh.former)-maxFormerNames, 0):]
	i.names.Store(fresh)
}

// Number returns the number of the name that an interface had at a time; for an unknown one, a number without a name.
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
