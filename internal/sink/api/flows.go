// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"net/url"

	"github.com/danielgtaylor/huma/v2"

	"github.com/weirnet/weir/internal/sink/store"
)

type flowsInput struct {
	RangeParameters
	FilterParameter
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"50" doc:"flows of a page"`
	Cursor string `query:"cursor" maxLength:"256" doc:"the next page: the \"next\" of the page before, with the same from, to and filter"`
	Accept string `header:"Accept" hidden:"true"`
}

// FlowsAnswer answers `flows`.
type FlowsAnswer struct {
	Answered
	store.Flows
	inCSV
}

type flowsOutput struct {
	ContentType string `header:"Content-Type" hidden:"true"`
	Link        string `header:"Link" doc:"the next page (RFC 8288), if there is one"`
	Body        *FlowsAnswer
}

type flowInput struct {
	Agent string `path:"agent" pattern:"^[0-9a-f]{32}$" patternDescription:"32 hexadecimal digits" doc:"the agent's id"`
	ID    string `path:"id" pattern:"^[0-9a-f]{32}$" patternDescription:"32 hexadecimal digits" doc:"the flow's id"`
}

// FlowAnswer answers `flows/{agent}/{id}`.
type FlowAnswer struct {
	store.Flow
	Why   []string `json:"why" doc:"sentences: why the flow has its application and protocol"`
	Risks []Risk   `json:"risks" doc:"the record's risks, explained"`
}

// Risk explains a risk.
type Risk struct {
	Risk     string `json:"risk"`
	Severity string `json:"severity" enum:"low,medium,high"`
	Meaning  string `json:"meaning"`
	Advice   string `json:"advice" doc:"what to do"`
}

type flowOutput struct{ Body *FlowAnswer }

func (a *api) registerFlows(h huma.API) {
	flows := operation("flows", "flows", "Flows", "Flows that had packets in the time range, the newest first. With "+
		"`Accept: text/csv`, as CSV with the columns of `weir replay --output csv` after agent and device.")
	withCSV(&flows)
	huma.Register(h, flows, a.flows)
	flow := operation("flow", "flows/{agent}/{id}", "One flow", "A flow with all that is known of it, and why.")
	flow.Errors = append(flow.Errors, 404)
	huma.Register(h, flow, a.flow)
}

func (a *api) flows(ctx context.Context, in *flowsInput) (*flowsOutput, error) {
	r, e, err := a.selection(ctx, &in.RangeParameters, &in.FilterParameter)
	if err != nil {
		return nil, err
	}
	answer := &FlowsAnswer{Answered: answeredOf(r)}
	err = a.ask(ctx, func(ctx context.Context) error {
		flows, err := a.store.Flows(ctx, &store.FlowsQuery{Range: r, Filter: e, Limit: in.Limit, Cursor: in.Cursor})
		if err != nil {
			return err
		}
		answer.Flows = *flows
		return nil
	})
	if err != nil {
		return nil, err
	}
	answer.Rows = notNil(answer.Rows)
	kind := contentType(in.Accept)
	return &flowsOutput{kind, in.nextLink(r, answer.Next), answer}, answer.render(kind, answer.csv)
}

// nextLink returns the header of the next page. It names the moments of the range, which since would move.
func (in *flowsInput) nextLink(r store.Range, next string) string {
	if next == "" {
		return ""
	}
	q := url.Values{"from": {timeText(r.From)}, "to": {timeText(r.To)}, "limit": {intText(in.Limit)}, "cursor": {next}}
	if in.Filter != "" {
		q.Set("filter", in.Filter)
	}
	return "<" + Prefix + "flows?" + q.Encode() + `>; rel="next"`
}

func (a *api) flow(ctx context.Context, in *flowInput) (*flowOutput, error) {
	answer := &FlowAnswer{}
	err := a.ask(ctx, func(ctx context.Context) error {
		f, err := a.store.Flow(ctx, in.Agent, in.ID)
		if err != nil {
			return err
		}
		answer.Flow = *f
		answer.Why, answer.Risks, err = why(f.Record)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &flowOutput{answer}, nil
}
