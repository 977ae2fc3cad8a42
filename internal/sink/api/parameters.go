// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/weirnet/weir/internal/filter"
	"github.com/weirnet/weir/internal/sink/store"
)

// Bounds of a time range.
const (
	minRange     = time.Minute
	maxRange     = 90 * 24 * time.Hour
	defaultRange = time.Hour
)

// RangeParameters select a time range: the time since now, or from one moment to another.
type RangeParameters struct {
	Since string `query:"since" maxLength:"8" example:"24h" doc:"the time range that ends now, as a number and m, h, d or w: 1m to 90d (default 1h)"`
	From  string `query:"from" maxLength:"40" example:"2026-11-30T00:00:00Z" doc:"begin of the time range, RFC 3339; instead of since"`
	To    string `query:"to" maxLength:"40" example:"2026-12-01T00:00:00Z" doc:"end of the time range, RFC 3339; with from only (default now)"`
}

// timeRange returns the range that the parameters select.
func (p *RangeParameters) timeRange() (store.Range, error) {
	now := time.Now().UTC()
	switch {
	case p.From == "" && p.To != "":
		return store.Range{}, mistake("to", "to needs from")
	case p.From != "" && p.Since != "":
		return store.Range{}, mistake("since", "since and from exclude each other")
	case p.From == "":
		length, err := p.since()
		return store.Range{From: now.Add(-length), To: now}, err
	}
	r := store.Range{To: now}
	var err error
	if r.From, err = moment("from", p.From); err != nil {
		return r, err
	}
	if p.To != "" {
		if r.To, err = moment("to", p.To); err != nil {
			return r, err
		}
	}
	if !r.From.Before(r.To) {
		return r, mistake("from", "from expects a moment before to, which is now if absent")
	}
	if r.To.Sub(r.From) > maxRange {
		return r, mistake("from", "the time range is longer than 90d")
	}
	return r, nil
}

func (p *RangeParameters) since() (time.Duration, error) {
	if p.Since == "" {
		return defaultRange, nil
	}
	length, ok := parseDuration(p.Since, "mhdw")
	if !ok || length < minRange || length > maxRange {
		return 0, mistake("since", "since expects a number and m, h, d or w, from 1m to 90d, such as 24h")
	}
	return length, nil
}

// moment reads a time whose nanoseconds since 1970 are a number of 64 bits.
func moment(parameter, text string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || t.Year() < 1970 || t.Year() > 2200 {
		return t, mistake(parameter,
			parameter+" expects a time of RFC 3339 from 1970 to 2200, such as 2026-11-30T08:00:00Z")
	}
	return t.UTC(), nil
}

// parseDuration reads a number and one of the units.
func parseDuration(text, units string) (time.Duration, bool) {
	if len(text) < 2 || len(text) > 8 {
		return 0, false
	}
	n, err := strconv.ParseUint(text[:len(text)-1], 10, 32)
	if err != nil {
		return 0, false
	}
	for _, u := range units {
		if rune(text[len(text)-1]) == u {
			return time.Duration(n) * unitLengths[u], true
		}
	}
	return 0, false
}

var unitLengths = map[rune]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour,
	'w': 7 * 24 * time.Hour}

// FilterParameter selects flows.
type FilterParameter struct {
	Filter string `query:"filter" example:"app:youtube AND port!=443" doc:"which flows, in the language of docs/FILTER.md (default all)"`
}

// expr returns the filter, with names of devices resolved.
func (a *api) expr(ctx context.Context, p *FilterParameter) (filter.Expr, error) {
	e, err := filter.Parse(p.Filter)
	if err != nil {
		return nil, filterMistake(err)
	}
	return a.resolve(ctx, e)
}

// selection returns the time range and the filter of a question.
func (a *api) selection(ctx context.Context, r *RangeParameters, f *FilterParameter) (store.Range, filter.Expr, error) {
	selected, err := r.timeRange()
	if err != nil {
		return store.Range{}, nil, err
	}
	e, err := a.expr(ctx, f)
	return selected, e, err
}

// reportPeriod is that of agents, unless they are told otherwise: points that are nearer have gaps between them.
const reportPeriod = 15 * time.Second

// step returns the step of a series over a range; 0 leaves it to the store.
func step(text string, r store.Range) (time.Duration, error) {
	if text == "" {
		if r.To.Sub(r.From) <= (store.MaxPoints-1)*reportPeriod {
			return reportPeriod, nil
		}
		return 0, nil
	}
	d, ok := parseDuration(text, "smhdw")
	if !ok || d < time.Second || d > maxRange {
		return 0, mistake("step", "step expects a number and s, m, h, d or w, such as 5m")
	}
	// A range that does not begin at a multiple of the step has one point more.
	if least := (r.To.Sub(r.From) + store.MaxPoints - 2) / (store.MaxPoints - 1); d < least {
		return 0, mistake("step",
			fmt.Sprintf("step expects at least %ds for this time range: a series has at most %d points",
				(least+time.Second-1)/time.Second, store.MaxPoints))
	}
	return d, nil
}
