// SPDX-License-Identifier: Apache-2.0

package spool

import "slices"

// Range is a range of one epoch's sequence numbers in which Count reports are lost: all of them, unless the spool
// joined ranges to remember no more than maxRanges.
type Range struct {
	Epoch       Epoch
	First, Last uint64
	Count       uint64
}

// maxRanges bounds the lost ranges: a disk that refuses each second report fills that in two hours.
const maxRanges = 256

// lost are the ranges that nobody was told of, in the order in which they were lost.
type lost []Range

// add adds a range, and joins it with the last one if that ends before it.
func (l lost) add(r Range) lost {
	if n := len(l); n > 0 && l[n-1].Epoch == r.Epoch && l[n-1].Last+1 == r.First {
		l[n-1].Last, l[n-1].Count = r.Last, l[n-1].Count+r.Count
		return l
	}
	l = append(l, r)
	if len(l) > maxRanges {
		l = l.join()
	}
	return l
}

// join joins the first two ranges of one epoch that follow one another; without such, the oldest range is forgotten.
func (l lost) join() lost {
	for i := range len(l) - 1 {
		if a, b := &l[i], l[i+1]; a.Epoch == b.Epoch {
			a.First, a.Last, a.Count = min(a.First, b.First), max(a.Last, b.Last), a.Count+b.Count
			a.Count = min(a.Count, a.Last-a.First+1) // a damaged report can be lost twice
			return slices.Delete(l, i+1, i+2)
		}
	}
	return slices.Delete(l, 0, 1)
}

// found takes back a report that is not lost after all.
func (l lost) found(epoch Epoch, sequence uint64) lost {
	i := slices.IndexFunc(l, func(r Range) bool {
		return r.Epoch == epoch && r.First <= sequence && sequence <= r.Last && r.Count == r.Last-r.First+1
	})
	if i < 0 {
		return l
	}
	r := l[i]
	var rest []Range
	if r.First < sequence {
		rest = append(rest, Range{epoch, r.First, sequence - 1, sequence - r.First})
	}
	if sequence < r.Last {
		rest = append(rest, Range{epoch, sequence + 1, r.Last, r.Last - sequence})
	}
	if l = slices.Replace(l, i, i+1, rest...); len(l) > maxRanges {
		l = l.join()
	}
	return l
}

// told takes away what a reader of the list told: ranges as they were then. What was lost since remains. It also
// returns the ranges that were there to take.
func (l lost) told(ranges []Range) (rest lost, taken []Range) {
	for _, t := range ranges {
		for i := range l {
			r := &l[i]
			if r.Epoch != t.Epoch || r.First != t.First || r.Last < t.Last || r.Count < t.Count {
				continue
			}
			if r.Count == t.Count || r.Last == t.Last {
				l = slices.Delete(l, i, i+1)
			} else {
				r.First, r.Count = t.Last+1, min(r.Count-t.Count, r.Last-t.Last)
			}
			taken = append(taken, t)
			break
		}
	}
	return l, taken
}

// telling is a lost range of which reports on the disk tell, from the first to the last of them: several if ranges were
// joined. It is forgotten when the sink has them, and lost again if one of them is lost.
type telling struct {
	Range
	first, last position
}

// tellings are in the order of their reports.
type tellings []telling

// add adds a range, and keeps to the bound.
func (all tellings) add(t telling) tellings {
	all = append(all, t)
	if len(all) <= maxRanges {
		return all
	}
	for i := range len(all) - 1 {
		if a, b := &all[i], all[i+1]; a.Epoch == b.Epoch {
			a.Range, a.last = lost{a.Range, b.Range}.join()[0], b.last
			return slices.Delete(all, i+1, i+2)
		}
	}
	return slices.Delete(all, 0, 1)
}

// delivered forgets what a report told that the sink has now.
func (all tellings) delivered(p position) tellings {
	return slices.DeleteFunc(all, func(t telling) bool { return t.last.compare(p) <= 0 })
}

// unsaid gives back to the lost ranges what a report told that the sink will not get.
func (all tellings) unsaid(l lost, p position) (tellings, lost) {
	return slices.DeleteFunc(all, func(t telling) bool {
		isOf := t.first.compare(p) <= 0 && p.compare(t.last) <= 0
		if isOf {
			l = l.add(t.Range)
		}
		return isOf
	}), l
}

func (l lost) reports() (n uint64) {
	for _, r := range l {
		n += r.Count
	}
	return n
}
