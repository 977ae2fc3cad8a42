// SPDX-License-Identifier: Apache-2.0

// Package store is what a sink knows of its agents' networks: flows, their changes, devices, interfaces, agents and
// totals, with the questions that can be asked of them. An engine (duckdb) implements Store; storetest holds what every
// engine has to do.
package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/weirnet/weir/internal/filter"
)

// Store keeps reports and answers questions. Its methods may be called concurrently.
type Store interface {
	// Ingest stores reports in one transaction. A report that is already there, by agent, epoch and sequence, changes
	// nothing. It returns the agents of whose flows it received changes without having the flows themselves. The error
	// is a RefusedError if another try with the same reports can't succeed.
	Ingest(ctx context.Context, reports []Report) (unknown []string, err error)
	Top(ctx context.Context, q *TopQuery) (*Top, error)
	Series(ctx context.Context, q *SeriesQuery) (*Series, error)
	// Flows returns flows, the newest first.
	Flows(ctx context.Context, q *FlowsQuery) (*Flows, error)
	// Flow returns one flow, ErrNotFound without it.
	Flow(ctx context.Context, agent, id string) (*Flow, error)
	Devices(ctx context.Context, q *DevicesQuery) ([]Device, error)
	Agents(ctx context.Context) ([]Agent, error)
	// Prune removes what is older than the retention allows, or what exceeds it in bytes, the oldest first.
	Prune(ctx context.Context, now time.Time, r Retention) error
	Close() error
}

// ErrNotFound is that of a question for one thing that is not there.
var ErrNotFound = errors.New("not found")

// ErrCursor is that of a FlowsQuery whose Cursor is no Flows.Next.
var ErrCursor = errors.New("no such cursor")

// RefusedError is that of a report that a store can never take, such as one that it can't read. It has stored none of
// the reports of the call.
type RefusedError struct {
	Index int // of the report in the call
	Err   error
}

func (e *RefusedError) Error() string { return fmt.Sprintf("report %d: %v", e.Index, e.Err) }
func (e *RefusedError) Unwrap() error { return e.Err }

// ErrInvalid is that of a question that has no sense, such as one of an unknown dimension.
var ErrInvalid = errors.New("invalid question")

// Report is one report, as its agent sent it and the ingest accepted it.
type Report struct {
	Agent    string // uplink.AgentID
	Epoch    string
	Sequence uint64
	Received time.Time
	Line     []byte // the report's JSON
}

// Retention bounds what is kept. Zero values set no bound.
type Retention struct {
	Flows   time.Duration // raw flows and their intervals
	Rollups time.Duration // sums by hour and day
	Bytes   int64         // of the whole store
}

// Range is a span of time: From, inclusive, to To.
type Range struct{ From, To time.Time }

// Dimension is what sums are grouped by.
type Dimension string

// The dimensions.
const (
	ByApplication Dimension = "app"
	ByProtocol    Dimension = "proto"
	ByCategory    Dimension = "category"
	ByDevice      Dimension = "device"
	ByHost        Dimension = "host"
	ByNetwork     Dimension = "net"
	ByPort        Dimension = "port"
	ByDirection   Dimension = "direction"
	ByAgent       Dimension = "agent"
	ByCountry     Dimension = "country" // of the remote end
	ByASN         Dimension = "asn"     // number of the remote end's autonomous system
)

// Sums are counts of a time range. Up is what the LAN's end sent; where no end is on the LAN, the client.
type Sums struct {
	UpBytes   uint64 `json:"up_bytes"`
	DownBytes uint64 `json:"down_bytes"`
	Packets   uint64 `json:"packets"`
	Flows     uint64 `json:"flows"` // that had packets in the range
}

// TopQuery asks for the largest of a dimension.
type TopQuery struct {
	Range
	By     Dimension
	Filter filter.Expr
	Limit  int    // 1 to 1,000
	Sort   string // "bytes" (default), "flows", "packets"
}

// Top is the answer to a TopQuery.
type Top struct {
	Rows  []TopRow `json:"rows"`
	Other Sums     `json:"other"` // of the rows past the limit
	Total Sums     `json:"total"`
	// Approximate: for a part of the range only each hour's or day's largest are known by themselves, the rest as a
	// sum: a row may lack what it had where it was not among them.
	Approximate bool `json:"approximate,omitempty" doc:"for a part of the time range the sink keeps the largest keys of each hour or day only, and the others as a sum"`
}

// TopRow is one of the largest. An empty Key is that of flows without the property.
type TopRow struct {
	Key  string `json:"key"`
	Name string `json:"name,omitempty" doc:"name of an autonomous system"`
	Sums
}

// MaxPoints bounds the points of a series.
const MaxPoints = 500

// SeriesQuery asks for the course of the largest of a dimension.
type SeriesQuery struct {
	Range
	By     Dimension // "" for the total alone
	Filter filter.Expr
	Limit  int           // series besides "other": 0 to 12
	Step   time.Duration // 0: a round one with at most MaxPoints points
}

// Series is the answer to a SeriesQuery.
type Series struct {
	Start  time.Time     `json:"start"` // of the first point, a multiple of Step
	Step   time.Duration `json:"-"`
	StepS  int           `json:"step_s"`
	Series []Line        `json:"series"` // the largest first; the others' sum, if any, last
	// Approximate is as that of Top.
	Approximate bool `json:"approximate,omitempty" doc:"for a part of the time range the sink keeps the largest keys of each hour or day only, and the others as a sum"`
}

// Line is one line of a Series, with the bytes of each step.
type Line struct {
	Key       string   `json:"key"`
	IsOther   bool     `json:"other,omitempty"`
	UpBytes   []uint64 `json:"up_bytes"`
	DownBytes []uint64 `json:"down_bytes"`
}

// FlowsQuery asks for flows that had packets in the range.
type FlowsQuery struct {
	Range
	Filter filter.Expr
	Limit  int    // 1 to 1,000
	Cursor string // Flows.Next of the page before; "" for the first
}

// Flows is a page of flows.
type Flows struct {
	Rows []Flow `json:"rows"`
	Next string `json:"next,omitempty"` // "" after the last page
}

// Flow is a flow as it is known now. Its record has all fields of the flow record's schema, with the counts up to now.
type Flow struct {
	Agent  string          `json:"agent"`
	Device string          `json:"device,omitempty"`
	Record json.RawMessage `json:"record"`
}

// DevicesQuery asks for devices with their sums over the range, the busiest first. Devices that a report described are
// there without traffic, too.
type DevicesQuery struct {
	Range
	Agent string // "" for those of all agents
}

// Device is a device with its traffic of the range.
type Device struct {
	Agent  string `json:"agent"`
	Device string `json:"device"` // MAC address, else IP address
	Sums
	Applications uint64          `json:"apps"`
	Record       json.RawMessage `json:"record"` // as the report has it; "{}" for a device that only flows show
}

// Agent is an agent with its last report.
type Agent struct {
	Agent      string          `json:"agent"`
	Name       string          `json:"name,omitempty"` // under which it enrolled; the store does not know it
	Version    string          `json:"version"`
	Mode       string          `json:"mode"`
	LastReport time.Time       `json:"last_report"` // the end of its period, by the agent's clock
	Received   time.Time       `json:"received"`
	Epoch      string          `json:"epoch"`
	Sequence   uint64          `json:"sequence"`
	Missing    uint64          `json:"missing"` // reports of this epoch that have not come
	Health     json.RawMessage `json:"health"`
	Interfaces json.RawMessage `json:"interfaces"`
	Drops      uint64          `json:"drops"` // what the last day's reports count as lost
}
