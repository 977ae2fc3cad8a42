// SPDX-License-Identifier: Apache-2.0

package query

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/weirnet/weir/internal/sink/api"
	"github.com/weirnet/weir/internal/sink/control"
)

// Format is how answers are printed.
type Format string

// The formats.
const (
	Table Format = "table"
	JSON  Format = "json" // as the API answers
	CSV   Format = "csv"  // of top and flows
)

// maxAnswer bounds an answer in memory.
const maxAnswer = 256 << 20

// Sink is the running sink, as control.Client reaches it.
type Sink interface {
	Read(ctx context.Context, path, accept string) (*http.Response, error)
	Agents(ctx context.Context) ([]control.Agent, error)
}

// Client asks a sink.
type Client struct{ Sink }

// Get returns the body of the answer to a path of the API. Its errors are of type *api.Problem if the sink answered.
func (c Client) Get(ctx context.Context, path, accept string) ([]byte, error) {
	response, err := c.Read(ctx, path, accept)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, problemOf(response, body)
	}
	return body, nil
}

func problemOf(response *http.Response, body []byte) error {
	p := new(api.Problem)
	if err := json.Unmarshal(body, p); err != nil || p.Detail == "" {
		return fmt.Errorf("the sink answers %s", response.Status)
	}
	return p
}

// Run asks the sink a question, and prints the answer.
func (c Client) Run(ctx context.Context, text string, format Format, out io.Writer) error {
	q, err := Parse(text)
	if err != nil {
		return err
	}
	if err := c.resolveAgent(ctx, q); err != nil {
		return err
	}
	accept := "application/json"
	if format == CSV {
		if q.Subject != "top" && q.Subject != "flows" {
			return fmt.Errorf("%s: only top and flows have CSV; use --json", q.Subject)
		}
		accept = "text/csv"
	}
	body, err := c.Get(ctx, q.Path(), accept)
	if err != nil {
		return pointAt(err, q.Parameters.Get("filter"))
	}
	if format != Table {
		_, err = out.Write(body)
		return err
	}
	var b bytes.Buffer
	if err := c.print(ctx, q, body, &b); err != nil {
		return err
	}
	_, err = out.Write(b.Bytes())
	return err
}

// pointAt adds a line under the filter that points at its mistake.
func pointAt(err error, filter string) error {
	var p *api.Problem
	if !errors.As(err, &p) || len(p.Errors) != 1 || p.Errors[0].Position == nil ||
		*p.Errors[0].Position > utf8.RuneCountInString(filter) {
		return err
	}
	return fmt.Errorf("where: %s\n  %s\n  %s^", p.Errors[0].Message, clean(filter),
		strings.Repeat(" ", *p.Errors[0].Position))
}

// resolveAgent replaces an agent's name in a question by its id.
func (c Client) resolveAgent(ctx context.Context, q *Query) error {
	name := q.Parameters.Get("agent")
	if name == "" {
		return nil
	}
	all, err := c.Agents(ctx)
	if err != nil {
		return err
	}
	for _, a := range all {
		if a.ID == name || a.Name == name {
			q.Parameters.Set("agent", a.ID)
			return nil
		}
	}
	return fmt.Errorf("agent %s: none has that id or name (weir-sink agent list)", name)
}

// agentNames returns the names under which agents enrolled.
func (c Client) agentNames(ctx context.Context) map[string]string {
	names := map[string]string{}
	all, err := c.Agents(ctx)
	if err != nil {
		return names // the ids are enough
	}
	for _, a := range all {
		names[a.ID] = a.Name
	}
	return names
}

// deviceNames returns what devices call themselves, by device. Without an answer nobody has a name.
func (c Client) deviceNames(ctx context.Context) map[string]string {
	names := map[string]string{}
	body, err := c.Get(ctx, api.Prefix+"devices?since=1m&limit=10000", "application/json")
	if err != nil {
		return names
	}
	var answer api.DevicesAnswer
	if json.Unmarshal(body, &answer) != nil {
		return names
	}
	for i := range answer.Rows {
		names[answer.Rows[i].Device] = deviceName(answer.Rows[i].Record)
	}
	return names
}
