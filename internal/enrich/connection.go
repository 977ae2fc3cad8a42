// SPDX-License-Identifier: Apache-2.0

package enrich

import (
	"net/netip"
	"time"

	"github.com/weirnet/weir/internal/conntrack"
	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/record"
)

// findConnection looks for the connection that a record is of, under any of its names. connections may be nil.
func findConnection(connections *conntrack.Table, r *record.Flow) (f conntrack.Found, ok bool) {
	if connections == nil {
		return f, false
	}
	key, _ := tupleOf(r).Key()
	return connections.FindDuring(&key, time.Unix(0, r.FirstSeen), time.Unix(0, r.LastSeen))
}

// attach writes what is known of the connection into the record: the client is who began it, and both ends have their
// own addresses, whatever the leg that was seen calls them. It returns false for answers that connections share: whose
// they are nothing tells, so they are the gateway's.
func attach(r *record.Flow, f *conntrack.Found) bool {
	if f.IsReply && f.IsShared {
		orient(r, f.Reply.Dst)
		return false
	}
	client := f.Original.Src // as this leg calls it
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

// translate gives a record the translation, and the addresses that both ends have themselves.
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

// tupleOf are the ends of a record as connection tracking has them: those of an ICMP query have what stands for ports.
func tupleOf(r *record.Flow) conntrack.Tuple {
	t := conntrack.Tuple{Src: r.Client.Addr, Dst: r.Server.Addr, Proto: r.Proto}
	if isICMP(r) {
		id, server := packet.QueryPorts(r.Proto, r.ICMPType, r.ICMPID)
		t.Src, t.Dst = netip.AddrPortFrom(t.Src.Addr(), id), netip.AddrPortFrom(t.Dst.Addr(), server)
	}
	return t
}

// endOf is an end of a connection as a record has it: without what stands for a port.
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
	}
}

// setID gives a record the identity of its ends.
func setID(r *record.Flow) {
	key, fromLower := tupleOf(r).Key()
	r.ID = key.ID(r.Began())
	r.CommunityID = key.AppendCommunityID(r.CommunityID[:0], r.ICMPType, r.ICMPCode, fromLower)
}

// idOf is the id that a record's flow would have if it had begun then, as record.Flow.Began has it.
func idOf(r *record.Flow, began int64) [32]byte {
	key, _ := tupleOf(r).Key()
	return key.ID(began)
}
