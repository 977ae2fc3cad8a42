// SPDX-License-Identifier: Apache-2.0

package enrich

import (
	"net/netip"
	"time"

	"github.com/weirnet/weir/internal/conntrack"
	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/record"
)

// findConnection looks up a record's connection, under any of its names. connections may be nil.
func findConnection(connections *conntrack.Table, r *record.Flow) (f conntrack.Found, ok bool) {
	if connections == nil {
		return f, false
	}
	key, _ := tupleOf(r).Key()
	return connections.FindDuring(&key, time.Unix(0, r.FirstSeen), time.Unix(0, r.LastSeen))
}

// attach adds the connection to the record: who began it is the client, and both ends get their own addresses,
// whichever leg the record is of. It returns false for answers that several connections share: they stay the gateway's.
func attach(r *record.Flow, f *conntrack.Found) bool {
	if f.IsReply && f.IsShared {
		orient(r, f.Reply.Dst)
		return false
	}
	client := f.Original.Src // this leg's name of the client
	if f.IsReply {
		client = f.Reply.Dst
	}
	orient(r, client)
	r.Conntrack = record.Conntrack{
		ID: f.ID, Mark: f.Mark, Zone: f.Zone, IsTracked: true,
		IsOffloaded: f.Status&(conntrack.Offloaded|conntrack.HardwareOffloaded) != 0,
	}
	if f.IsTranslated() {
		translate(r, f)
	}
	return true
}

// translate adds the translation, and sets both ends to their own addresses.
func translate(r *record.Flow, f *conntrack.Found) {
	r.NAT = record.NAT{Kind: f.NAT(), Client: endOf(r, f.Reply.Dst), Server: endOf(r, f.Original.Dst)}
	if own := tupleOf(r); own.Src == f.Original.Src && own.Dst == f.Reply.Src {
		return
	}
	r.Client.Addr, r.Server.Addr = endOf(r, f.Original.Src), endOf(r, f.Reply.Src)
	if isICMP(r) {
		r.ICMPID = f.Original.Src.Port()
	}
	setID(r)
}

func isICMP(r *record.Flow) bool { return r.Proto == packet.ProtoICMP || r.Proto == packet.ProtoICMPv6 }

// tupleOf returns a record's ends as connection tracking has them: an ICMP query has substitutes for ports.
func tupleOf(r *record.Flow) conntrack.Tuple {
	t := conntrack.Tuple{Src: r.Client.Addr, Dst: r.Server.Addr, Proto: r.Proto}
	if isICMP(r) {
		id, server := packet.QueryPorts(r.Proto, r.ICMPType, r.ICMPID)
		t.Src, t.Dst = netip.AddrPortFrom(t.Src.Addr(), id), netip.AddrPortFrom(t.Dst.Addr(), server)
	}
	return t
}

// endOf returns an end of a connection as a record has it: without the substitute for a port.
func endOf(r *record.Flow, end netip.AddrPort) netip.AddrPort {
	if isICMP(r) {
		return netip.AddrPortFrom(end.Addr(), 0)
	}
	return end
}

// orient makes the end with an address the client.
func orient(r *record.Flow, client netip.AddrPort) {
	if tupleOf(r).Src != client {
		r.Client, r.Server = r.Server, r.Client
		r.RoundTrips[0], r.RoundTrips[1] = r.RoundTrips[1], r.RoundTrips[0]
	}
}

// setID sets a record's id by its ends.
func setID(r *record.Flow) {
	key, fromLower := tupleOf(r).Key()
	r.ID = key.ID(r.Began())
	r.CommunityID = key.AppendCommunityID(r.CommunityID[:0], r.ICMPType, r.ICMPCode, fromLower)
}

// idOf returns the id of a record's flow if it had begun at that time, on the clock of record.Flow.Began.
func idOf(r *record.Flow, began int64) [32]byte {
	key, _ := tupleOf(r).Key()
	return key.ID(began)
}
