// SPDX-License-Identifier: Apache-2.0

package flow

import "encoding/binary"

// A flow may go on in the table of another process. AppendState writes what that one has to know, and ReadState reads
// it: what follows from the rest, or is the table's own, is not in it.

// Sizes in bytes of what AppendState writes.
const (
	KeyStateSize    = 8 * len(Key{})
	FlowStateSize   = 5*8 + 6
	HealthStateSize = 2*directionSize + 2*4
	directionSize   = 5*4 + 2*2 + 4
)

// AppendState appends the key.
func (k *Key) AppendState(b []byte) []byte {
	for _, word := range k {
		b = binary.LittleEndian.AppendUint64(b, word)
	}
	return b
}

// ReadState reads a key from the KeyStateSize bytes of b, and reports whether it is one.
func (k *Key) ReadState(b []byte) bool {
	for i := range k {
		k[i] = binary.LittleEndian.Uint64(b[8*i:])
	}
	return k.Version() == 4 || k.Version() == 6
}

// AppendState appends the hot part.
func (f *Flow) AppendState(b []byte) []byte {
	for _, n := range [...]uint64{f.Bytes[0], f.Bytes[1], f.Packets[0], f.Packets[1], uint64(f.Last)} {
		b = binary.LittleEndian.AppendUint64(b, n)
	}
	return append(b, byte(f.State), byte(f.EndReason), f.Shown, f.Marks, byte(f.TCP&^endIsQueued), f.pauses)
}

// ReadState reads the hot part from the FlowStateSize bytes of b, and reports whether it is one.
func (f *Flow) ReadState(b []byte) bool {
	for i, n := range [...]*uint64{&f.Bytes[0], &f.Bytes[1], &f.Packets[0], &f.Packets[1]} {
		*n = binary.LittleEndian.Uint64(b[8*i:])
	}
	f.Last = int64(binary.LittleEndian.Uint64(b[32:]))
	f.State, f.EndReason, f.Shown, f.Marks = State(b[40]), Reason(b[41]), b[42], b[43]
	f.TCP, f.pauses = TCP(b[44])&^endIsQueued, b[45]
	return f.State <= Ended && f.EndReason <= Shutdown
}

// Resume adds a flow of another table with what ReadState read. ok is false if the table has the key, or no room.
func (t *Table[D]) Resume(key *Key, was *Flow, now int64) (i Index, ok bool) {
	i, created, ok := t.Get(key, now)
	if !ok || !created {
		return 0, false
	}
	t.Counters.Created-- // it counted where it began
	f := t.Flow(i)
	f.Bytes, f.Packets, f.Last = was.Bytes, was.Packets, was.Last
	f.State, f.EndReason, f.Shown, f.Marks, f.TCP, f.pauses = was.State, was.EndReason, was.Shown, was.Marks, was.TCP,
		was.pauses
	t.Hasten(i)
	return i, true
}

// AppendState appends the health with what it has to know of the next packets.
func (h *Health) AppendState(b []byte) []byte {
	for i := range h.ends {
		d := &h.ends[i]
		for _, n := range [...]uint32{d.next, d.hole, d.holeEnd, d.retransmits, d.outOfOrder} {
			b = binary.LittleEndian.AppendUint32(b, n)
		}
		b = binary.LittleEndian.AppendUint16(b, d.zeroWindows)
		b = binary.LittleEndian.AppendUint16(b, d.resets)
		b = append(b, d.flags, d.ttl, d.dscp, d.marks)
	}
	b = binary.LittleEndian.AppendUint32(b, h.client)
	return binary.LittleEndian.AppendUint32(b, h.server)
}

// ReadState reads the health from the HealthStateSize bytes of b.
func (h *Health) ReadState(b []byte) {
	for i := range h.ends {
		d := &h.ends[i]
		for j, n := range [...]*uint32{&d.next, &d.hole, &d.holeEnd, &d.retransmits, &d.outOfOrder} {
			*n = binary.LittleEndian.Uint32(b[4*j:])
		}
		d.zeroWindows, d.resets = binary.LittleEndian.Uint16(b[20:]), binary.LittleEndian.Uint16(b[22:])
		d.flags, d.ttl, d.dscp, d.marks = b[24], b[25], b[26], b[27]
		b = b[directionSize:]
	}
	h.client, h.server = binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:])
}
