// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/weirnet/weir/internal/sink/store"
)

// Answered is what all answers about a time range have.
type Answered struct {
	From time.Time `json:"from" doc:"begin of the time range, inclusive"`
	To   time.Time `json:"to" doc:"end of the time range"`
}

func answeredOf(r store.Range) Answered { return Answered{r.From, r.To} }

type topInput struct {
	RangeParameters
	FilterParameter
	By     string `query:"by" enum:"app,proto,category,device,host,net,port,direction,country,asn,agent" default:"app" doc:"what flows are grouped by"`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"10" doc:"rows; the others' sum is \"other\""`
	Sort   string `query:"sort" enum:"bytes,flows,packets" default:"bytes" doc:"what makes a row large"`
	Accept string `header:"Accept" hidden:"true"`
}

// TopAnswer answers `top`.
type TopAnswer struct {
	Answered
	By store.Dimension `json:"by"`
	store.Top
	inCSV
}

type topOutput struct {
	ContentType string `header:"Content-Type" hidden:"true"`
	Body        *TopAnswer
}

type seriesInput struct {
	RangeParameters
	FilterParameter
	By    string `query:"by" enum:"app,proto,category,device,host,net,port,direction,country,asn,agent" doc:"what makes a line (default none: one line of all flows)"`
	Limit int    `query:"limit" minimum:"0" maximum:"12" default:"8" doc:"lines; the others' sum is a further line"`
	Step  string `query:"step" maxLength:"8" example:"5m" doc:"time between two points, as a number and s, m, h, d or w (default a round one of at least 15s that makes at most 500 points)"`
}

// SeriesAnswer answers `series`.
type SeriesAnswer struct {
	Answered
	By store.Dimension `json:"by"`
	store.Series
}

type seriesOutput struct{ Body *SeriesAnswer }

func (a *api) registerSums(h huma.API) {
	top := operation("top", "top", "The largest", "Sums of the largest applications, devices and so on, of the "+
		"others, and of all. With `Accept: text/csv`, as CSV.")
	withCSV(&top)
	huma.Register(h, top, a.top)
	huma.Register(h, operation("series", "series", "Course over time", "Bytes of the largest for each step of time."),
		a.series)
}

func (a *api) top(ctx context.Context, in *topInput) (*topOutput, error) {
	r, e, err := a.selection(ctx, &in.RangeParameters, &in.FilterParameter)
	if err != nil {
		return nil, err
	}
	q := store.TopQuery{Range: r, By: store.Dimension(in.By), Filter: e, Limit: in.Limit, Sort: in.Sort}
	answer := &TopAnswer{Answered: answeredOf(r), By: q.By}
	err = a.ask(ctx, func(ctx context.Context) error {
		top, err := a.store.Top(ctx, &q)
		if err != nil {
			return err
		}
		answer.Top = *top
		return nil
	})
	if err != nil {
		return nil, err
	}
	answer.Rows = notNil(answer.Rows)
	kind := contentType(in.Accept)
	return &topOutput{kind, answer}, answer.render(kind, answer.csv)
}

func (a *api) series(ctx context.Context, in *seriesInput) (*seriesOutput, error) {
	r, e, err := a.selection(ctx, &in.RangeParameters, &in.FilterParameter)
	if err != nil {
		return nil, err
	}
	between, err := step(in.Step, r)
	if err != nil {
		return nil, err
	}
	q := store.SeriesQuery{Range: r, By: store.Dimension(in.By), Filter: e, Limit: in.Limit, Step: between}
	answer := &SeriesAnswer{Answered: answeredOf(r), By: q.By}
	err = a.ask(ctx, func(ctx context.Context) error {
		series, err := a.store.Series(ctx, &q)
		if err != nil {
			return err
		}
		answer.Series = *series
		return nil
	})
	if err != nil {
		return nil, err
	}
	answer.Series.Series = notNil(answer.Series.Series)
	return &seriesOutput{answer}, nil
}

// notNil makes a list one that JSON does not write as null.
func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
