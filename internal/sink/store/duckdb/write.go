// SPDX-License-Identifier: Apache-2.0

//go:build cgo

package duckdb

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"slices"
	"strings"

	"github.com/weirnet/weir/internal/sink/store/decode"
)

// staging makes the temporary tables that a batch's changes go through.
const staging = `
CREATE TEMP TABLE IF NOT EXISTS asked (agent INTEGER, hi UBIGINT, lo UBIGINT);
CREATE TEMP TABLE IF NOT EXISTS keys (key BIGINT);
CREATE TEMP TABLE IF NOT EXISTS changed AS SELECT * FROM flows LIMIT 0;
CREATE TEMP TABLE IF NOT EXISTS replaced (flow BIGINT, pos BIGINT);
CREATE TEMP TABLE IF NOT EXISTS counted (
	key BIGINT, pos BIGINT, packets_t BIGINT, changed UTINYINT, client_bytes BIGINT, server_bytes BIGINT,
	client_packets BIGINT, server_packets BIGINT, state VARCHAR, end_reason VARCHAR, last_seen BIGINT);
CREATE TEMP TABLE IF NOT EXISTS healths (
	key BIGINT, versions VARCHAR, client_flags VARCHAR, server_flags VARCHAR,
	client_retransmits UINTEGER, server_retransmits UINTEGER, client_out_of_order UINTEGER,
	server_out_of_order UINTEGER, client_resets UINTEGER, server_resets UINTEGER, client_zero_windows UINTEGER,
	server_zero_windows UINTEGER, client_ttl UTINYINT, server_ttl UTINYINT, client_dscp UTINYINT, server_dscp UTINYINT);
CREATE TEMP TABLE IF NOT EXISTS seen (agent INTEGER, device VARCHAR, pos BIGINT, t BIGINT, record VARCHAR)`

// stage fills an emptied temporary table.
func (b *batch) stage(ctx context.Context, table string, fill func(*appender)) error {
	if _, err := b.s.writer.ExecContext(ctx, "DELETE FROM temp."+table); err != nil {
		return err
	}
	return b.s.appendRows("temp", table, fill)
}

// stageKeys stages keys of flows.
func (b *batch) stageKeys(ctx context.Context, flows []*touched) error {
	return b.stage(ctx, "keys", func(a *appender) {
		for _, t := range flows {
			a.int64(t.key)
			a.next()
		}
	})
}

// loadRows reads the rows of flows that are in the database: by their keys, which are close to one another, or if those
// are not known by their identifiers.
func (b *batch) loadRows(ctx context.Context, ask []*touched) error {
	var known, others []*touched
	for _, t := range ask {
		if t.key != 0 {
			known = append(known, t)
		} else {
			others = append(others, t)
		}
	}
	if len(known) > 0 {
		if err := b.stageKeys(ctx, known); err != nil {
			return err
		}
		if err := b.loadJoined(ctx, "JOIN temp.keys k ON f.key = k.key"); err != nil {
			return err
		}
	}
	if len(others) == 0 {
		return nil
	}
	err := b.stage(ctx, "asked", func(a *appender) {
		for _, t := range others {
			a.int32(t.id.agent)
			a.uint64(t.id.hi())
			a.uint64(t.id.lo())
			a.next()
		}
	})
	if err != nil {
		return err
	}
	return b.loadJoined(ctx, "JOIN temp.asked USING (agent, hi, lo)")
}

// loadJoined reads the rows of flows that a join selects.
func (b *batch) loadJoined(ctx context.Context, join string) error {
	return each(ctx, b.s.writer, "SELECT "+columnNames+" FROM flows f "+join, nil, func(rows *sql.Rows) error {
		r, err := scanRow(rows)
		if err != nil {
			return err
		}
		t := b.flows[r.id]
		t.row, t.flow = r, r.flow
		t.state, t.endReason, t.last = r.state, r.endReason, r.last
		return nil
	})
}

// loadHistories reads the intervals of flows.
func (b *batch) loadHistories(ctx context.Context, flows []*touched) error {
	if len(flows) == 0 {
		return nil
	}
	byKey := map[int64]*touched{}
	for _, t := range flows {
		byKey[t.key] = t
		t.history = history{}
	}
	if err := b.stageKeys(ctx, flows); err != nil {
		return err
	}
	return each(ctx, b.s.writer, `SELECT i.flow, i.t, i.pos, i.prev, i.flags, i.app, i.proto, i.category, i.host,
			i.device, i.net, i.direction, i.port, i.up, i.down, i.up_packets, i.down_packets, i.country, i.asn
		FROM intervals i JOIN temp.keys k ON i.flow = k.key ORDER BY i.flow, i.pos`, nil,
		func(rows *sql.Rows) error {
			i := &interval{isStored: true}
			d, c := &i.dims, &i.counts
			var key int64
			err := rows.Scan(&key, &i.t, &i.pos, &i.prev, &i.flags, &d.app, &d.proto, &d.category, &d.host, &d.device,
				&d.net, &d.direction, &d.port, &c.clientBytes, &c.serverBytes, &c.clientPackets, &c.serverPackets,
				&d.country, &d.asn)
			d.isUpServer, d.isByAddress = i.flags&flagUpServer != 0, i.flags&flagByAddress != 0
			d.hasNet = i.flags&flagNet != 0
			if d.isUpServer {
				*c = c.swapped()
			}
			t := byKey[key]
			t.history = append(t.history, i)
			return err
		})
}

// swapped exchanges the ends.
func (c counts) swapped() counts {
	return counts{c.serverBytes, c.clientBytes, c.serverPackets, c.clientPackets}
}

// writeAll writes what the batch has changed.
func (b *batch) writeAll(ctx context.Context) error {
	for _, part := range []func(context.Context) error{b.writeReports, b.writeFlows, b.writeIntervals, b.writeDevices,
		b.writeLinks} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (b *batch) writeReports(ctx context.Context) error {
	err := b.s.appendTo("", "reports", func(row func(...driver.Value) error) error {
		for _, in := range b.reports {
			err := row(in.agent.num, in.epoch, int64(in.from.Sequence), in.Begin, in.End, in.received(),
				int64(in.lost()), in.unknowns, in.IsLast)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	newest := map[*agent]*incoming{}
	for _, in := range b.reports {
		if in.pos == in.agent.pos {
			newest[in.agent] = in
		}
	}
	for a, in := range newest {
		_, err := b.s.writer.ExecContext(ctx, `UPDATE agents SET version = ?, mode = ?, last_report = ?, received = ?,
			pos = ?, health = ?, interfaces = ? WHERE num = ?`, in.Version, in.Mode, in.End,
			in.received(), in.pos, string(orJSON(in.Health, "{}")), string(orJSON(in.Interfaces, "[]")),
			a.num)
		if err != nil {
			return err
		}
	}
	return nil
}

func orJSON(text []byte, other string) []byte {
	if len(text) == 0 {
		return []byte(other)
	}
	return text
}

func (b *batch) writeFlows(ctx context.Context) error {
	var begun, changed, counted []*touched
	for _, t := range b.order {
		switch {
		case t.isNew:
			begun = append(begun, t)
		case t.isRowChanged:
			changed = append(changed, t)
		default:
			counted = append(counted, t)
		}
	}
	if err := b.writeCounted(ctx, counted); err != nil {
		return err
	}
	if err := b.writeHealths(ctx, counted); err != nil {
		return err
	}
	if err := b.writeChanged(ctx, changed); err != nil {
		return err
	}
	if len(begun) > 0 {
		if err := b.s.appendRows("", "flows", rowsOf(begun)); err != nil {
			return err
		}
	}
	return b.writeSystems(ctx, begun, changed)
}

// writeSystems notes the names of new autonomous systems. The first name stays: agents may have different ones.
func (b *batch) writeSystems(ctx context.Context, lists ...[]*touched) error {
	known := b.s.cache.systems
	for _, t := range slices.Concat(lists...) {
		for _, e := range [...]*end{&t.row.client, &t.row.server} {
			number, name := e.system()
			if number == "" || name == "" || known[number] != "" || len(known) >= maxKnown {
				continue
			}
			known[number] = name
			_, err := b.s.writer.ExecContext(ctx, "INSERT INTO systems VALUES (?, ?)", number, name)
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// rowsOf fills a table with flows.
func rowsOf(flows []*touched) func(*appender) {
	return func(a *appender) {
		for _, t := range flows {
			r := t.row
			r.flow = t.flow
			r.state, r.endReason, r.last = t.state, t.endReason, t.last
			if r.first == 0 {
				r.first = r.last
			}
			r.put(a)
		}
	}
}

// writeChanged updates flows where they are: a row that was removed and appended would leave its room, and the order of
// keys.
func (b *batch) writeChanged(ctx context.Context, flows []*touched) error {
	if len(flows) == 0 {
		return nil
	}
	if err := b.stage(ctx, "changed", rowsOf(flows)); err != nil {
		return err
	}
	_, err := b.s.writer.ExecContext(ctx, updateChanged)
	return err
}

var updateChanged = func() string {
	var sets []string
	for _, c := range columns[4:] { // what identifies a flow stays
		sets = append(sets, c.name+" = c."+c.name)
	}
	return "UPDATE flows SET " + strings.Join(sets, ", ") + " FROM temp.changed c WHERE flows.key = c.key"
}()

// writeCounted updates flows of which only the counts have changed.
func (b *batch) writeCounted(ctx context.Context, flows []*touched) error {
	if len(flows) == 0 {
		return nil
	}
	err := b.stage(ctx, "counted", func(a *appender) {
		for _, t := range flows {
			a.int64(t.key)
			a.int64(t.pos)
			a.int64(t.packetsT)
			a.uint8(uint8(t.changed))
			a.counts(t.counts)
			a.text(t.state)
			a.text(t.endReason)
			a.int64(t.last)
			a.next()
		}
	})
	if err != nil {
		return err
	}
	_, err = b.s.writer.ExecContext(ctx, `UPDATE flows SET pos = c.pos, packets_t = c.packets_t, changed = c.changed,
			client_bytes = c.client_bytes, server_bytes = c.server_bytes, client_packets = c.client_packets,
			server_packets = c.server_packets, state = c.state, end_reason = c.end_reason, last_seen = c.last_seen
		FROM temp.counted c WHERE flows.key = c.key`)
	return err
}

// writeHealths updates the health of flows whose other properties stay: most changes of flows are such.
func (b *batch) writeHealths(ctx context.Context, flows []*touched) error {
	flows = slices.DeleteFunc(slices.Clone(flows), func(t *touched) bool { return t.health == nil })
	if len(flows) == 0 {
		return nil
	}
	err := b.stage(ctx, "healths", func(a *appender) {
		for _, t := range flows {
			client, server := &t.health[0], &t.health[1]
			a.int64(t.key)
			a.text(t.versionsText())
			a.text(client.Flags)
			a.text(server.Flags)
			for _, n := range [...]uint32{client.Retransmits, server.Retransmits, client.OutOfOrder, server.OutOfOrder,
				client.Resets, server.Resets, client.ZeroWindows, server.ZeroWindows} {
				a.uint32(n)
			}
			for _, n := range [...]uint8{client.TTL, server.TTL, client.DSCP, server.DSCP} {
				a.uint8(n)
			}
			a.next()
		}
	})
	if err != nil {
		return err
	}
	_, err = b.s.writer.ExecContext(ctx, updateHealths)
	return err
}

var updateHealths = func() string {
	sets := []string{"versions = h.versions"}
	for _, end := range []string{"client_", "server_"} {
		for _, c := range []string{"flags", "retransmits", "out_of_order", "resets", "zero_windows", "ttl", "dscp"} {
			sets = append(sets, end+c+" = h."+end+c)
		}
	}
	return "UPDATE flows SET " + strings.Join(sets, ", ") + " FROM temp.healths h WHERE flows.key = h.key"
}()

func (b *batch) writeIntervals(ctx context.Context) error {
	var replaced []newInterval
	for _, t := range b.order {
		for _, i := range t.history {
			if !i.isChanged || !i.isStored && !i.isNeeded() {
				continue
			}
			one := newInterval{t.key, t.id.agent, *i}
			if b.intervals = append(b.intervals, one); i.isStored {
				replaced = append(replaced, one)
			}
		}
	}
	if len(replaced) > 0 {
		err := b.stage(ctx, "replaced", func(a *appender) {
			for _, i := range replaced {
				a.int64(i.key)
				a.int64(i.pos)
				a.next()
			}
		})
		if err != nil {
			return err
		}
		_, err = b.s.writer.ExecContext(ctx,
			"DELETE FROM intervals USING temp.replaced r WHERE intervals.flow = r.flow AND intervals.pos = r.pos")
		if err != nil {
			return err
		}
	}
	if len(b.intervals) == 0 {
		return nil
	}
	if err := b.touch(ctx); err != nil {
		return err
	}
	// Runs of prev take no room, and keys that grow take little.
	slices.SortStableFunc(b.intervals, func(a, o newInterval) int {
		return cmp.Or(cmp.Compare(a.t, o.t), cmp.Compare(a.agent, o.agent), cmp.Compare(a.prev, o.prev),
			cmp.Compare(a.key, o.key))
	})
	return b.s.appendRows("", "intervals", func(a *appender) {
		for n := range b.intervals {
			b.intervals[n].put(a)
		}
	})
}

// put appends the interval to the table intervals.
func (i *newInterval) put(a *appender) {
	c, d := i.counts, &i.dims
	if d.isUpServer {
		c = c.swapped()
	}
	a.int64(i.t)
	a.int32(i.agent)
	a.int64(i.key)
	a.int64(i.pos)
	a.int64(i.prev)
	a.uint8(uint8(i.flags))
	for _, text := range [...]string{d.app, d.proto, d.category, d.host, d.device, d.net, d.direction, d.port} {
		a.text(text)
	}
	a.counts(c)
	a.text(d.country)
	a.text(d.asn)
	a.next()
}

func (a *appender) counts(c counts) {
	for _, n := range [...]int64{c.clientBytes, c.serverBytes, c.clientPackets, c.serverPackets} {
		a.int64(n)
	}
}

func (b *batch) writeDevices(ctx context.Context) error {
	type key struct {
		agent  int32
		device string
	}
	newest := map[key]struct {
		in     *incoming
		record []byte
	}{}
	for _, in := range b.reports { // the newest report of an agent comes last
		for _, d := range in.Devices {
			k := key{in.agent.num, d.Key}
			one := newest[k]
			one.in, one.record = in, d.Record
			newest[k] = one
		}
	}
	if len(newest) == 0 {
		return nil
	}
	err := b.stage(ctx, "seen", func(a *appender) {
		for k, d := range newest {
			a.int32(k.agent)
			a.text(k.device)
			a.int64(d.in.pos)
			a.int64(d.in.t)
			a.text(string(d.record))
			a.next()
		}
	})
	if err != nil {
		return err
	}
	_, err = b.s.writer.ExecContext(ctx, `INSERT INTO devices SELECT * FROM temp.seen
		ON CONFLICT DO UPDATE SET pos = excluded.pos, t = excluded.t, record = excluded.record
		WHERE excluded.pos > devices.pos`)
	return err
}

func (b *batch) writeLinks(context.Context) error {
	return b.s.appendTo("", "interfaces", func(row func(...driver.Value) error) error {
		for _, in := range b.reports {
			for _, l := range in.Links {
				if err := row(linkRow(in, &l)...); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// linkRow is the row of an interface.
func linkRow(in *incoming, l *decode.Link) []driver.Value {
	row := []driver.Value{in.t, in.agent.num, l.Name, l.Role}
	for _, n := range [...]*decode.LinkCounts{&l.Received, &l.Sent} {
		row = append(row, int64(n.Packets), int64(n.Bytes), int64(n.Dropped), int64(n.Errors), int64(n.Missed))
	}
	row = append(row, strings.Join(l.Networks, ","))
	for _, n := range [...]*decode.LinkCounts{&l.Received, &l.Sent} {
		t := n.Traffic
		if t == nil {
			row = append(row, make([]driver.Value, 11)...) // NULL
			continue
		}
		for _, count := range [...]uint64{t.IPv4.Packets, t.IPv4.Bytes, t.IPv6.Packets, t.IPv6.Bytes, t.NotIP, t.TCP,
			t.UDP, t.ICMP, t.Other, t.Fragments, t.Largest} {
			row = append(row, int64(count))
		}
	}
	return row
}

// received is when the report came.
func (in *incoming) received() int64 {
	if in.from.Received.IsZero() {
		return in.End
	}
	return in.from.Received.UnixNano()
}
