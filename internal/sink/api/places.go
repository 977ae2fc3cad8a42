// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/weirnet/weir/internal/sink/store"
)

type devicesInput struct {
	RangeParameters
	Agent string `query:"agent" pattern:"^[0-9a-f]{32}$" patternDescription:"32 hexadecimal digits" doc:"only devices that this agent sees"`
	Limit int    `query:"limit" minimum:"1" maximum:"10000" default:"1000" doc:"devices"`
}

// DevicesAnswer answers `devices`.
type DevicesAnswer struct {
	Answered
	Total int            `json:"total" doc:"devices, also those past the limit"`
	Rows  []store.Device `json:"rows"`
}

type devicesOutput struct{ Body *DevicesAnswer }

// AgentsAnswer answers `agents`.
type AgentsAnswer struct {
	Now  time.Time     `json:"now" doc:"the sink's clock"`
	Rows []store.Agent `json:"rows"`
}

type agentsOutput struct{ Body *AgentsAnswer }

type statusOutput struct{ Body any }

func (a *api) registerPlaces(h huma.API) {
	huma.Register(h, operation("devices", "devices", "Devices", "Devices with their traffic of the time range, the "+
		"busiest first."), a.devices)
	huma.Register(h, operation("agents", "agents", "Agents", "Agents with their last report."), a.agents)
	huma.Register(h, operation("status", "status", "The sink", "How the sink is doing."), a.sinkStatus)
}

func (a *api) devices(ctx context.Context, in *devicesInput) (*devicesOutput, error) {
	r, err := in.timeRange()
	if err != nil {
		return nil, err
	}
	answer := &DevicesAnswer{Answered: answeredOf(r)}
	err = a.ask(ctx, func(ctx context.Context) (err error) {
		answer.Rows, err = a.store.Devices(ctx, &store.DevicesQuery{Range: r, Agent: in.Agent})
		return err
	})
	if err != nil {
		return nil, err
	}
	answer.Total = len(answer.Rows)
	answer.Rows = notNil(answer.Rows[:min(in.Limit, len(answer.Rows))])
	return &devicesOutput{answer}, nil
}

func (a *api) agents(ctx context.Context, _ *struct{}) (*agentsOutput, error) {
	rows, err := a.allAgents(ctx)
	return &agentsOutput{&AgentsAnswer{time.Now().UTC(), rows}}, err
}

func (a *api) allAgents(ctx context.Context) (rows []store.Agent, err error) {
	err = a.ask(ctx, func(ctx context.Context) error {
		rows, err = a.store.Agents(ctx)
		return err
	})
	return notNil(rows), err
}

func (a *api) sinkStatus(context.Context, *struct{}) (*statusOutput, error) {
	return &statusOutput{a.status()}, nil
}
