// SPDX-License-Identifier: Apache-2.0

//go:build cgo

package duckdb

import (
	"context"
	"database/sql"

	"github.com/weirnet/weir/internal/sink/store/decode"
)

// maxKnown bounds the flows that the writer remembers. Of others it asks the database.
const maxKnown = 1 << 17

// cache is what the writer remembers of the database, so that the line of a known flow costs no question. It holds what
// is committed: after an error it is loaded anew.
type cache struct {
	agents    map[string]*agent
	lastKey   int64 // of flows
	lastNum   int32 // of agents
	lastEpoch int32
	flows     map[flowID]*flow
	texts     map[string]string
	systems   map[string]string // names of autonomous systems by number
}

// agent is an agent with its epochs.
type agent struct {
	num    int32
	pos    int64 // of its newest report
	epochs map[string]int32
}

// flowID identifies a flow.
type flowID struct {
	agent int32
	id    decode.ID
}

// posBits are those of a sequence in a pos.
const posBits = 40

// posOf returns the place of a report in the order of its agent's. Epochs are in the order in which they came.
func posOf(epoch int32, sequence uint64) int64 { return int64(epoch)<<posBits | int64(sequence) }

func (c *cache) load(ctx context.Context, db *sql.Conn) error {
	*c = cache{agents: map[string]*agent{}, flows: map[flowID]*flow{}, texts: map[string]string{},
		systems: map[string]string{}}
	if err := db.QueryRowContext(ctx, "SELECT coalesce(max(key), 0) FROM flows").Scan(&c.lastKey); err != nil {
		return err
	}
	err := each(ctx, db, "SELECT asn, name FROM systems", nil, func(row *sql.Rows) error {
		var number, name string
		err := row.Scan(&number, &name)
		c.systems[number] = name
		return err
	})
	if err != nil {
		return err
	}
	byNum := map[int32]*agent{}
	err = each(ctx, db, "SELECT num, id, pos FROM agents", nil, func(row *sql.Rows) error {
		a := &agent{epochs: map[string]int32{}}
		var id string
		if err := row.Scan(&a.num, &id, &a.pos); err != nil {
			return err
		}
		c.agents[id], byNum[a.num], c.lastNum = a, a, max(c.lastNum, a.num)
		return nil
	})
	if err != nil {
		return err
	}
	return each(ctx, db, "SELECT num, agent, epoch FROM epochs", nil, func(row *sql.Rows) error {
		var num, of int32
		var epoch string
		if err := row.Scan(&num, &of, &epoch); err != nil {
			return err
		}
		c.lastEpoch = max(c.lastEpoch, num)
		if a := byNum[of]; a != nil {
			a.epochs[epoch] = num
		}
		return nil
	})
}

// text returns one copy of equal texts.
func (c *cache) text(s string) string {
	if known, ok := c.texts[s]; ok {
		return known
	}
	if len(c.texts) >= maxKnown {
		clear(c.texts)
	}
	c.texts[s] = s
	return s
}

// keep remembers a flow, in place of any other one if it knows too many.
func (c *cache) keep(id flowID, f *flow) {
	if _, ok := c.flows[id]; !ok && len(c.flows) >= maxKnown {
		for other := range c.flows {
			delete(c.flows, other)
			break
		}
	}
	c.flows[id] = f
}

type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// each calls row for each row of a question's answer.
func each(ctx context.Context, db querier, query string, args []any, row func(*sql.Rows) error) error {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
