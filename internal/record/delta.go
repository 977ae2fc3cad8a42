// SPDX-License-Identifier: Apache-2.0

package record

import (
	"encoding/binary"
	"hash/maphash"
	"strconv"

	"github.com/weirnet/weir/internal/packet"
)

// Part is a group of a record's fields. After a flow's first record, the fields of a part travel again only together,
// when one of them has changed.
type Part uint8

// Parts. The identity comprises what never changes in a flow's life, unless its record was wrong before.
const (
	PartIdentity   Part = iota // community_id, interface, vlan, ip_version, ip_proto, addresses and ports, tcp
	PartPlace                  // mac, side, autonomous system and country of both ends, direction, process
	PartConnection             // nat, conntrack, offloaded
	PartVerdict                // protocol, application, category, hostname, tunnel, and the methods
	PartBegin                  // first_seen
	PartInfo                   // the dissectors' findings
	PartRisks                  // risks
	PartHealth                 // of both ends: tcp_flags, retransmits, out_of_order, resets, zero_windows, ttl, dscp
	numParts
)

// Parts is a set of parts.
type Parts uint8

// Has reports whether a part is in the set.
func (s Parts) Has(p Part) bool { return s&(1<<p) != 0 }

// Sums holds a sum of each part, which changes with the part.
type Sums [numParts]uint64

// Changed returns the parts whose sums differ.
func (s *Sums) Changed(o *Sums) (changed Parts) {
	for p := range s {
		if s[p] != o[p] {
			changed |= 1 << p
		}
	}
	return changed
}

// Summer computes sums. Its zero value has a random seed, so that nobody on the network can choose what has the same
// sum. It is not safe for use by several goroutines.
type Summer struct{ hash maphash.Hash }

// Sum computes the sums of a record.
func (s *Summer) Sum(f *Flow, sums *Sums) {
	s.bytes(f.CommunityID)
	s.text(f.Interface)
	for _, v := range f.VLANs {
		s.number(uint64(v))
	}
	s.number(uint64(len(f.VLANs))<<16 | uint64(f.IPVersion)<<8 | uint64(f.Proto))
	s.end(&f.Client)
	s.end(&f.Server)
	s.number(uint64(f.RoundTrips[0])<<32 | uint64(f.RoundTrips[1]))
	sums[PartIdentity] = s.sum()

	s.hash.Write(f.Client.MAC[:])
	s.hash.Write(f.Server.MAC[:])
	s.origin(f.Client.Origin)
	s.origin(f.Server.Origin)
	s.process(f.Process)
	s.number(uint64(f.Client.Side)<<16 | uint64(f.Server.Side)<<8 | uint64(f.Direction))
	sums[PartPlace] = s.sum()

	sums[PartConnection] = 0
	if f.NAT.Kind != NATNone || f.Conntrack.IsTracked {
		s.connection(f)
		sums[PartConnection] = s.sum()
	}
	s.verdict(f)
	sums[PartVerdict] = s.sum()
	sums[PartBegin] = uint64(f.FirstSeen)
	sums[PartInfo] = 0
	if len(f.Info) > 0 {
		s.bytes(f.Info)
		sums[PartInfo] = s.sum()
	}
	sums[PartRisks] = uint64(f.Risks)
	sums[PartHealth] = 0
	if f.hasHealth() {
		s.health(f)
		sums[PartHealth] = s.sum()
	}
}

func (s *Summer) health(f *Flow) {
	for _, h := range [...]*packet.Health{&f.Client.Health, &f.Server.Health} {
		s.number(uint64(h.Retransmits)<<32 | uint64(h.OutOfOrder))
		s.number(uint64(h.ZeroWindows)<<48 | uint64(h.Resets)<<32 | uint64(h.Flags)<<16 | uint64(h.TTL)<<8 |
			uint64(h.DSCP))
	}
}

func (s *Summer) connection(f *Flow) {
	s.number(uint64(f.NAT.Kind))
	s.end(&Endpoint{Addr: f.NAT.Client})
	s.end(&Endpoint{Addr: f.NAT.Server})
	s.number(uint64(f.Conntrack.ID)<<32 | uint64(f.Conntrack.Mark))
	s.number(uint64(f.Conntrack.Zone)<<2 | flag(f.Conntrack.IsTracked)<<1 | flag(f.Conntrack.IsOffloaded))
}

func (s *Summer) verdict(f *Flow) {
	s.text(f.Protocol)
	s.text(f.Application)
	s.text(f.Category)
	s.bytes(f.Hostname)
	for _, t := range f.Tunnels {
		s.number(uint64(t))
	}
	s.number(uint64(f.Method)<<16 | uint64(f.ApplicationMethod)<<8 | uint64(f.HostnameMethod))
}

// sum returns the sum of what was written, and begins anew.
func (s *Summer) sum() uint64 {
	n := s.hash.Sum64()
	s.hash.Reset()
	return n
}

func (s *Summer) number(n uint64) {
	var b [8]byte
	binary.NativeEndian.PutUint64(b[:], n)
	s.hash.Write(b[:])
}

// text writes a text and its length, so that two texts in a row differ from two others with the same letters.
func (s *Summer) text(t string) {
	s.hash.WriteString(t)
	s.number(uint64(len(t)))
}

func (s *Summer) bytes(t []byte) {
	s.hash.Write(t)
	s.number(uint64(len(t)))
}

func (s *Summer) end(e *Endpoint) {
	a := e.Addr.Addr().As16()
	s.hash.Write(a[:])
	s.number(uint64(e.Addr.Port()))
}

func (s *Summer) origin(o *Origin) {
	if o == nil {
		return
	}
	s.number(uint64(o.ASN))
	s.text(o.ASName)
	s.text(o.Country)
}

func flag(is bool) uint64 {
	if is {
		return 1
	}
	return 0
}

// Counts holds the packets and bytes of both ends.
type Counts struct{ ClientPackets, ClientBytes, ServerPackets, ServerBytes uint64 }

// Counts returns the record's counts.
func (f *Flow) Counts() Counts {
	return Counts{f.Client.Packets, f.Client.Bytes, f.Server.Packets, f.Server.Bytes}
}

// Reaches reports whether no count is below that of o.
func (c Counts) Reaches(o Counts) bool {
	return c.ClientPackets >= o.ClientPackets && c.ClientBytes >= o.ClientBytes &&
		c.ServerPackets >= o.ServerPackets && c.ServerBytes >= o.ServerBytes
}

// Sub returns the difference to o, which c reaches.
func (c Counts) Sub(o Counts) Counts {
	return Counts{c.ClientPackets - o.ClientPackets, c.ClientBytes - o.ClientBytes,
		c.ServerPackets - o.ServerPackets, c.ServerBytes - o.ServerBytes}
}

// IsDelta reports whether AppendDelta can tell that these parts have changed. It can't tell of another identity, nor
// that the fields of a part are gone.
func (f *Flow) IsDelta(changed Parts) bool {
	return !changed.Has(PartIdentity) && !(changed.Has(PartInfo) && len(f.Info) == 0) &&
		!(changed.Has(PartRisks) && f.Risks == 0) && !(changed.Has(PartHealth) && !f.hasHealth()) &&
		!(changed.Has(PartConnection) && f.NAT.Kind == NATNone && !f.Conntrack.IsTracked)
}

// AppendDelta appends what has changed since an earlier record of the flow as one JSON object, without a line end: the
// parts, and the counts since then.
func (f *Flow) AppendDelta(b []byte, changed Parts, since Counts) []byte {
	b = append(b, `{"type":"flow_delta","id":"`...)
	b = append(b, f.ID[:]...)
	b = append(b, '"')
	b = f.appendState(b)
	b = append(b, `,"last_seen":"`...)
	b = AppendTime(b, f.LastSeen)
	b = append(b, '"')
	b = f.Client.appendDelta(b, `,"client":`, changed, since.ClientPackets, since.ClientBytes)
	b = f.Server.appendDelta(b, `,"server":`, changed, since.ServerPackets, since.ServerBytes)
	if changed.Has(PartPlace) {
		b = f.appendProcess(appendText(b, "direction", f.Direction.String()))
	}
	if changed.Has(PartConnection) {
		b = f.appendConnection(b)
	}
	if changed.Has(PartVerdict) {
		b = f.appendVerdict(b)
	}
	if changed.Has(PartBegin) {
		b = append(AppendTime(append(b, `,"first_seen":"`...), f.FirstSeen), '"')
	}
	if changed.Has(PartInfo) {
		b = f.appendInfo(b)
	}
	if changed.Has(PartRisks) {
		b = f.appendRisks(b)
	}
	return append(b, '}')
}

// appendDelta appends an end's place, if it has changed, and its counts that are not 0; nothing if there is neither.
func (e *Endpoint) appendDelta(b []byte, name string, changed Parts, packets, bytes uint64) []byte {
	began := len(b)
	b = append(b, name...)
	open := len(b)
	if changed.Has(PartPlace) {
		b = e.appendPlace(b)
	}
	if packets > 0 {
		b = strconv.AppendUint(append(b, `,"packets":`...), packets, 10)
	}
	if bytes > 0 {
		b = strconv.AppendUint(append(b, `,"bytes":`...), bytes, 10)
	}
	if changed.Has(PartHealth) {
		b = appendHealth(b, &e.Health)
	}
	if len(b) == open {
		return b[:began]
	}
	b[open] = '{' // in place of the first comma
	return append(b, '}')
}
