// SPDX-License-Identifier: Apache-2.0

//go:build cgo

package duckdb

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/weirnet/weir/internal/record"
	"github.com/weirnet/weir/internal/sink/store"
	"github.com/weirnet/weir/internal/sink/store/decode"
)

// Flows answers with flows, those that began last first: that order does not change while they go on. Flows whose whole
// record has not come are not among them.
func (s *Store) Flows(ctx context.Context, q *store.FlowsQuery) (*store.Flows, error) {
	where, err := compile(q.Filter, true)
	if err != nil {
		return nil, err
	}
	before, err := parseCursor(q.Cursor)
	if err != nil {
		return nil, err
	}
	snapshot, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = snapshot.Rollback() }()
	from, to := bounds(q.Range)
	had, args, err := hadPackets(ctx, snapshot, from, to)
	if err != nil {
		return nil, err
	}
	limit := min(max(q.Limit, 1), maxLimit)
	args = append(append(append(args, where.args...), before.args...), limit+1)
	var keys []any
	err = each(ctx, snapshot, "SELECT f.key FROM flows f WHERE f.whole > 0 AND "+had+" AND "+where.sql+before.sql+
		" ORDER BY f.first_seen DESC, f.key DESC LIMIT ?", args, func(rows *sql.Rows) error {
		var key int64
		err := rows.Scan(&key)
		keys = append(keys, key)
		return err
	})
	if err != nil {
		return nil, err
	}
	hasMore := len(keys) > limit
	return flowsOf(ctx, snapshot, keys[:min(len(keys), limit)], hasMore)
}

// flowsOf makes a page of the flows with those keys.
func flowsOf(ctx context.Context, db querier, keys []any, hasMore bool) (*store.Flows, error) {
	page := &store.Flows{Rows: []store.Flow{}}
	if len(keys) == 0 {
		return page, nil
	}
	low, high := int64(math.MaxInt64), int64(0)
	for _, key := range keys {
		low, high = min(low, key.(int64)), max(high, key.(int64))
	}
	// The bounds spare a look at most of the table.
	query := "SELECT a.id, " + columnNames + " FROM flows f JOIN agents a ON a.num = f.agent " +
		"WHERE f.key BETWEEN ? AND ? AND f.key IN (?" + strings.Repeat(", ?", len(keys)-1) + ") " +
		"ORDER BY f.first_seen DESC, f.key DESC"
	var last *row
	err := each(ctx, db, query, append([]any{low, high}, keys...), func(rows *sql.Rows) (err error) {
		var agent string
		if last, err = scanRow(rows, &agent); err != nil {
			return err
		}
		page.Rows = append(page.Rows, last.public(agent))
		return nil
	})
	if err != nil {
		return nil, err
	}
	if hasMore && last != nil {
		page.Next = fmt.Sprintf("%d-%d", last.first, last.key)
	}
	return page, nil
}

// hadPackets makes the condition that a flow had packets in a range. Up to now, its newest packets tell.
func hadPackets(ctx context.Context, db *sql.Tx, from, to int64) (sql string, args []any, err error) {
	var newest int64
	if err := db.QueryRowContext(ctx, "SELECT coalesce(max(t), 0) FROM intervals").Scan(&newest); err != nil {
		return "", nil, err
	}
	if to > newest {
		return "f.packets_t >= ?", []any{from}, nil
	}
	return `f.packets_t >= ? AND f.key IN (SELECT i.flow FROM intervals i
		WHERE i.t >= ? AND i.t < ? AND i.up_packets + i.down_packets > 0)`, []any{from, from, to}, nil
}

// parseCursor makes the condition that a flow comes after a page.
func parseCursor(cursor string) (condition, error) {
	if cursor == "" {
		return condition{}, nil
	}
	first, key, _ := strings.Cut(cursor, "-")
	t, err := strconv.ParseInt(first, 10, 64)
	k, keyErr := strconv.ParseInt(key, 10, 64)
	if err != nil || keyErr != nil {
		return condition{}, store.ErrCursor
	}
	return condition{sql: " AND (f.first_seen < ? OR f.first_seen = ? AND f.key < ?)", args: []any{t, t, k}}, nil
}

// Flow answers with one flow.
func (s *Store) Flow(ctx context.Context, agent, id string) (*store.Flow, error) {
	parsed, ok := decode.ParseID(id)
	if !ok {
		return nil, store.ErrNotFound
	}
	var found *store.Flow
	key := flowID{id: parsed}
	err := each(ctx, s.db, "SELECT a.id, "+columnNames+` FROM flows f JOIN agents a ON a.num = f.agent
		WHERE a.id = ? AND f.hi = CAST(? AS UBIGINT) AND f.lo = CAST(? AS UBIGINT) AND f.whole > 0`,
		[]any{agent, strconv.FormatUint(key.hi(), 10), strconv.FormatUint(key.lo(), 10)}, // database/sql takes 63 bits
		func(rows *sql.Rows) error {
			var agent string
			r, err := scanRow(rows, &agent)
			if err != nil {
				return err
			}
			one := r.public(agent)
			found = &one
			return nil
		})
	if err == nil && found == nil {
		err = store.ErrNotFound
	}
	return found, err
}

// public is a flow as the store's users see it.
func (r *row) public(agent string) store.Flow {
	return store.Flow{Agent: agent, Device: r.dims.device, Record: r.appendRecord(nil)}
}

// appendRecord appends the flow record as JSON (internal/record/schema.json).
func (r *row) appendRecord(b []byte) []byte {
	b = append(b, `{"type":"flow","schema":`...)
	b = strconv.AppendInt(b, record.SchemaVersion, 10)
	b = appendText(b, "id", r.id.id.String())
	b = r.appendIdentity(b)
	b = appendText(b, "ip_proto", r.transport)
	b = appendText(b, "state", r.state)
	b = appendText(b, "end_reason", r.endReason)
	b = r.client.append(append(b, `,"client":`...), r.counts.clientPackets, r.counts.clientBytes)
	b = r.server.append(append(b, `,"server":`...), r.counts.serverPackets, r.counts.serverBytes)
	b = appendText(b, "direction", r.direction)
	b = r.process.append(b)
	b = appendMembers(b, r.connection)
	b = appendRoundTrips(b, r.roundTrips)
	b = appendText(b, "protocol", r.dims.proto)
	b = appendText(b, "application", r.dims.app)
	b = appendText(b, "category", r.dims.category)
	b = appendText(b, "hostname", r.dims.host)
	b = appendText(b, "method", r.method)
	b = appendMembers(b, r.rest)
	b = append(record.AppendTime(append(b, `,"first_seen":"`...), r.first), '"')
	b = append(record.AppendTime(append(b, `,"last_seen":"`...), r.last), '"')
	b = appendMembers(b, r.findings)
	if risks := strings.Trim(r.risks, ","); risks != "" {
		b = append(b, `,"risks":[`...)
		for i, risk := range strings.Split(risks, ",") {
			if i > 0 {
				b = append(b, ',')
			}
			b = record.AppendText(b, risk)
		}
		b = append(b, ']')
	}
	return append(b, '}')
}

// append appends an end of a flow.
func (e *end) append(b []byte, packets, bytes int64) []byte {
	b = append(b, `{"ip":"`...)
	b = append(e.ip.AppendTo(b), '"')
	if e.port != 0 {
		b = strconv.AppendUint(append(b, `,"port":`...), uint64(e.port), 10)
	}
	b = appendText(b, "mac", e.mac)
	b = appendText(b, "side", e.side)
	number, name := e.system()
	if number != "" {
		b = append(append(b, `,"asn":`...), number...)
	}
	b = appendText(b, "as_name", name)
	b = appendText(b, "country", e.country)
	b = strconv.AppendInt(append(b, `,"packets":`...), packets, 10)
	b = strconv.AppendInt(append(b, `,"bytes":`...), bytes, 10)
	h := &e.health
	b = appendText(b, "tcp_flags", h.Flags)
	b = appendCount(b, "retransmits", h.Retransmits)
	b = appendCount(b, "out_of_order", h.OutOfOrder)
	b = appendCount(b, "resets", h.Resets)
	b = appendCount(b, "zero_windows", h.ZeroWindows)
	b = appendCount(b, "ttl", uint32(h.TTL))
	return append(appendCount(b, "dscp", uint32(h.DSCP)), '}')
}

// append appends the member process, unless there is none.
func (p *process) append(b []byte) []byte {
	if p.members == "" {
		return b
	}
	b = append(append(b, `,"process":{`...), p.members...)
	b = appendText(b, "name", p.name)
	b = appendText(b, "executable", p.executable)
	return append(appendText(b, "container", p.container), '}')
}

// appendRoundTrips appends the member tcp, unless nothing is known.
func appendRoundTrips(b []byte, to [2]uint32) []byte {
	if to == [2]uint32{} {
		return b
	}
	b = append(b, `,"tcp":`...)
	open := len(b)
	if to[0] != 0 && to[1] != 0 {
		b = strconv.AppendUint(append(b, `,"rtt_us":`...), uint64(to[0])+uint64(to[1]), 10)
	}
	b = appendCount(b, "client_rtt_us", to[0])
	b = appendCount(b, "server_rtt_us", to[1])
	b[open] = '{' // in place of the first comma
	return append(b, '}')
}

// appendCount appends a member, unless it is 0.
func appendCount(b []byte, name string, n uint32) []byte {
	if n == 0 {
		return b
	}
	return strconv.AppendUint(append(append(append(b, `,"`...), name...), `":`...), uint64(n), 10)
}

// appendText appends a member, unless it is empty.
func appendText(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	return record.AppendText(append(append(append(b, `,"`...), name...), `":`...), value)
}

// appendMembers appends members as they were written.
func appendMembers(b []byte, members string) []byte {
	if members == "" {
		return b
	}
	return append(append(b, ','), members...)
}
