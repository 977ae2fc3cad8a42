// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"net/netip"
	"slices"

	"github.com/weirnet/weir/internal/classify"
	"github.com/weirnet/weir/internal/dissect"
	"github.com/weirnet/weir/internal/flow"
	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/record"
)

// learn stores a dissector's result about the flow, and passes on what it reveals about others; number and now are of
// the frame that showed it.
func (w *worker) learn(d *detail, r *dissect.Result, number uint64, now int64) {
	d.protocol, d.method = r.Protocol(), record.MethodDPI
	d.application = w.kept(w.Classifier.FromResult(r))
	d.certificate = r.Certificate()
	info := r.Info()
	if size := len(r.Host()) + len(info); cap(d.text) < size {
		d.text = make([]byte, 0, size) // exact size: most flows learn once, and keep it
	}
	d.text = append(d.text[:0], r.Host()...)
	d.hostEnd = uint16(len(d.text))
	d.text = append(d.text, info...)
	d.risks = r.Risks()
	w.counters.countCuts(r.Cut() &^ d.cuts)
	d.cuts |= r.Cut()
	for _, h := range r.Hints() {
		w.batch.learn(w.flow.Client.Addr(), h, number, now)
	}
	for _, e := range r.Expectations() {
		if end := e.Server.Addr(); end != w.flow.Client.Addr() && end != w.flow.Server.Addr() {
			continue // a third host's flows may belong to another worker
		}
		if w.expected.add(e, w.flow.Client.Addr(), w.flow.Server.Addr(), now) {
			w.counters.ExpectationsForgotten++
		}
	}
}

// kept returns the application where all flows refer to it: a pointer takes less of each than what it points to. There
// are as many as the catalog and the dissectors have, by each method.
func (w *worker) kept(app classify.Application) *classify.Application {
	if app == (classify.Application{}) {
		return nil
	}
	known, ok := w.applications[app]
	if !ok {
		if w.applications == nil {
			w.applications = map[classify.Application]*classify.Application{}
		}
		known = new(classify.Application) // not &app, which would allocate at each call
		*known = app
		w.applications[app] = known
	}
	return known
}

// finish gives the dissectors that still wait at a flow's end a last chance.
func (w *worker) finish(i flow.Index, f *flow.Flow, d *detail) {
	if d.method == record.MethodNone {
		w.setFlow(i, f)
		if r := d.session.Finish(w.Protocols, w.pool, &w.flow); r != nil {
			w.learn(d, r, d.number, f.Last)
		}
	}
	w.giveBack(i, d, d.number, f.Last)
}

// giveBack ends a flow's inspection, with a frame. Guesses that it rules out are not made later.
func (w *worker) giveBack(i flow.Index, d *detail, number uint64, now int64) {
	if w.wanted()&record.TypeTLS != 0 {
		w.events.handshake(i, d, number, now)
	}
	if d.method == record.MethodNone {
		d.ruledOut = w.ruledOut(d.session)
	}
	w.pool.Put(d.session)
	d.session = nil
}

// The guesses by port.
const (
	guessServer uint8 = 1 << iota // by the server's port
	guessClient
)

// ruledOut returns the guesses that session's dissectors have refuted; w.flow is its flow.
func (w *worker) ruledOut(session *dissect.Session) (out uint8) {
	for i, end := range [2]netip.AddrPort{w.flow.Server, w.flow.Client} {
		name := classify.ProtocolByPort(w.flow.IPProtocol, end.Port())
		if name != "" && !session.IsOpen(w.Protocols, &w.flow, classify.Carrier(name), end.Port()) {
			out |= guessServer << i
		}
	}
	return out
}

// ended makes the record of a flow that leaves the table.
func (w *worker) ended(i flow.Index, f *flow.Flow, d *detail, why flow.Reason) {
	if d.session != nil {
		w.finish(i, f, d)
	}
	if d.stream != nil {
		w.events.end(d)
	}
	if w.accounting.end(i, f, d, why) {
		return
	}
	r := w.record(w.batch.flow(), i, f, d, d.text)
	r.State, r.EndReason = record.StateEnd, endReasons[why]
}

// endReasons maps the table's reasons to the records'.
var endReasons = [...]record.EndReason{
	flow.Closed: record.EndClosed, flow.Reset: record.EndReset, flow.Idle: record.EndIdle,
	flow.Evicted:  record.EndEvicted,
	flow.Shutdown: record.EndShutdown,
}

// update makes records of the flows that had packets since their last one. Where the kernel counts, the counts may come
// after the time of the last packet, which a frame told, so the packets are compared.
func (w *worker) update() {
	w.table.Each(func(i flow.Index) {
		f, d := w.table.Flow(i), w.table.Detail(i)
		packets := uint32(f.Packets[0] + f.Packets[1])
		if d.isReported && d.reported == packets {
			return
		}
		w.report(i)
	})
}

// announce makes the first record of a flow that inspection has named or given up, if somebody follows.
func (w *worker) announce(i flow.Index) {
	if !w.isFollowed() {
		return
	}
	if d := w.table.Detail(i); d.isReported ||
		d.method == record.MethodNone && w.table.Flow(i).Marks&decided == 0 {
		return
	}
	if w.table.Refresh != nil {
		w.table.Refresh(i)
	}
	w.report(i)
}

// report makes a record of a flow that goes on.
func (w *worker) report(i flow.Index) {
	f, d := w.table.Flow(i), w.table.Detail(i)
	r := w.record(w.batch.flow(), i, f, d, slices.Clone(d.text)) // the collector reads it while the flow goes on
	r.State = record.StateUpdate
	if !d.isReported {
		r.State = record.StateNew
	}
	d.isReported, d.reported = true, uint32(f.Packets[0]+f.Packets[1])
}

// record fills e with the flow's record, whose strings are in text.
func (w *worker) record(e *pending, i flow.Index, f *flow.Flow, d *detail, text []byte) *record.Flow {
	e.number, e.certificate, e.iface = d.number, d.certificate, d.iface
	e.vlans, e.tunnels, e.text = d.vlans, d.tunnels, text
	r := &e.record
	key := w.table.Key(i)
	client, server := w.ends(i)
	var app classify.Application
	if d.application != nil {
		app = *d.application
	}
	e.first = d.first
	first, last := w.clock.wall(d.first, max(d.first, f.Last))
	*r = record.Flow{
		ID: key.ID(d.first), CommunityID: key.AppendCommunityID(r.CommunityID[:0], d.icmpType, d.icmpCode,
			f.Marks&clientIsLower != 0),
		IPVersion: key.Version(), Proto: key.Proto(),
		Client: record.Endpoint{Addr: client, MAC: d.clientMAC, Packets: f.Packets[0], Bytes: f.Bytes[0],
			Health: d.health.Of(0)},
		Server: record.Endpoint{Addr: server, MAC: d.serverMAC, Packets: f.Packets[1], Bytes: f.Bytes[1],
			Health: d.health.Of(1)},
		RoundTrips: d.health.RoundTrips(),
		Direction:  direction(server.Addr(), d.serverMAC),
		Protocol:   d.protocol, Application: app.ID, Category: app.Category,
		ApplicationMethod: app.Method,
		ICMPType:          d.icmpType, ICMPCode: d.icmpCode,
		FirstSeen: first, LastSeen: last, Step: first - d.first,
		Risks: d.risks,
	}
	if r.Proto == packet.ProtoICMP || r.Proto == packet.ProtoICMPv6 { // substitutes in the key, not ports
		r.ICMPID = client.Port()
		r.Client.Addr = netip.AddrPortFrom(client.Addr(), 0)
		r.Server.Addr = netip.AddrPortFrom(server.Addr(), 0)
	}
	e.nVLAN, e.nTunnel, e.hostEnd = d.nVLAN, d.nTunnel, d.hostEnd
	if r.Method = d.method; r.Method == record.MethodNone {
		w.guess(r, i, f, d)
	}
	if r.Category == "" {
		r.Category = w.Protocols.Category(w.Protocols.ID(r.Protocol))
	}
	return r
}

// guess names the protocol of a flow that inspection could not name: by the IP protocol number, which is certain, else
// by port.
func (w *worker) guess(r *record.Flow, i flow.Index, f *flow.Flow, d *detail) {
	if r.Protocol = classify.ProtocolByNumber(r.Proto); r.Protocol != "" {
		r.Method = record.MethodDPI
		return
	}
	out := d.ruledOut
	if d.session != nil { // still under inspection
		w.setFlow(i, f)
		out = w.ruledOut(d.session)
	}
	if f.TCP&flow.Handshake != 0 {
		out |= guessClient
	}
	if r.Protocol = guessProtocol(r.Proto, r.Client.Addr.Port(), r.Server.Addr.Port(), out); r.Protocol != "" {
		r.Method = record.MethodPort
	}
}

// guessProtocol returns the protocol by port, the server's first, unless ruled out. The client's port does not count if
// the handshake shows the client, or if the port is ephemeral.
func guessProtocol(proto uint8, client, server uint16, out uint8) string {
	if out&guessServer == 0 {
		if name := classify.ProtocolByPort(proto, server); name != "" {
			return name
		}
	}
	if out&guessClient == 0 && !isEphemeral(client) {
		return classify.ProtocolByPort(proto, client)
	}
	return ""
}

// direction returns what the addresses alone show. LAN and WAN are up to the topology.
func direction(server netip.Addr, mac [6]byte) record.Direction {
	switch {
	case server.IsMulticast():
		return record.DirectionMulticast
	case server == broadcast, mac == broadcastMAC: // the latter is a subnet's
		return record.DirectionBroadcast
	}
	return record.DirectionUnknown
}
