// SPDX-License-Identifier: Apache-2.0

//go:build cgo

package duckdb

import (
	"context"
	"database/sql"
	"encoding/json"
	"time"

	"github.com/weirnet/weir/internal/sink/store"
)

// Devices answers with devices: those that were reported, and those that only flows of the range show.
func (s *Store) Devices(ctx context.Context, q *store.DevicesQuery) ([]store.Device, error) {
	from, to := bounds(q.Range)
	query := `WITH used AS (
			SELECT i.agent, i.device, sum(i.up) AS up, sum(i.down) AS down,
				sum(i.up_packets + i.down_packets) AS packets, count_if(` + counted + `) AS flows,
				count(DISTINCT i.app) FILTER (WHERE i.app <> '') AS apps
			FROM intervals i WHERE i.t >= ? AND i.t < ? AND i.device <> '' GROUP BY ALL)
		SELECT a.id, device, coalesce(d.record, '{}'), ` + bounded("up", "down", "packets", "flows", "apps") + `
		FROM used u FULL JOIN devices d USING (agent, device) JOIN agents a ON a.num = agent
		WHERE ? IN ('', a.id) ORDER BY greatest(coalesce(up, 0), 0) + greatest(coalesce(down, 0), 0) DESC, a.id, device`
	args := []any{from, to, int(flagPlaceChanged), from, to, q.Agent}
	all := []store.Device{}
	err := each(ctx, s.db, query, args, func(rows *sql.Rows) error {
		var d store.Device
		var record string
		var one sums
		err := rows.Scan(&d.Agent, &d.Device, &record, &one.up, &one.down, &one.packets, &one.flows, &d.Applications)
		d.Sums, d.Record = one.public(), json.RawMessage(record)
		all = append(all, d)
		return err
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// Agents answers with all agents.
func (s *Store) Agents(ctx context.Context) ([]store.Agent, error) {
	// pos has the newest epoch's number and its newest sequence.
	const query = `SELECT a.id, a.version, a.mode, a.last_report, a.received, coalesce(e.epoch, ''), a.pos & ?,
			(a.pos & ?) - coalesce(r.came, 0), a.health, a.interfaces, coalesce(r.drops, 0)::BIGINT
		FROM agents a LEFT JOIN epochs e ON e.num = a.pos >> ?
		LEFT JOIN (SELECT r.agent, count(*) FILTER (WHERE r.epoch = a.pos >> ?) AS came,
				sum(r.drops) FILTER (WHERE r.end_at > a.last_report - ?) AS drops
			FROM reports r JOIN agents a ON a.num = r.agent GROUP BY r.agent) r ON r.agent = a.num
		ORDER BY a.id`
	const sequences = int64(1)<<posBits - 1
	all := []store.Agent{}
	args := []any{sequences, sequences, posBits, posBits, int64(day)}
	err := each(ctx, s.db, query, args, func(rows *sql.Rows) error {
		var a store.Agent
		var last, received, missing, drops int64
		var health, interfaces string
		err := rows.Scan(&a.Agent, &a.Version, &a.Mode, &last, &received, &a.Epoch, &a.Sequence, &missing, &health,
			&interfaces, &drops)
		a.LastReport, a.Received = time.Unix(0, last).UTC(), time.Unix(0, received).UTC()
		a.Missing, a.Drops = uint64(max(missing, 0)), uint64(max(drops, 0))
		a.Health, a.Interfaces = json.RawMessage(health), json.RawMessage(interfaces)
		all = append(all, a)
		return err
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}
