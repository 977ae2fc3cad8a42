// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/weirnet/weir/internal/filter"
	"github.com/weirnet/weir/internal/sink/store"
)

// deviceNames remembers what devices call themselves.
type deviceNames struct {
	mu   sync.Mutex
	read time.Time
	ids  map[string][]string // devices by the lower case of a name
}

const (
	namesAge   = 15 * time.Second // after which they are read again
	namesRange = time.Minute      // the shortest: devices with a record are there whatever the range
	maxNamed   = 64               // devices of one name
)

// nameIDs has what names stand for: ids by the lower case of a name, for each field that has names.
type nameIDs map[filter.Field]map[string][]string

// resolve replaces names of devices and agents in a filter by the ids of those that have them. A name that none has
// stays, and matches nothing.
func (a *api) resolve(ctx context.Context, e filter.Expr) (filter.Expr, error) {
	ids := nameIDs{}
	for field, read := range map[filter.Field]func(context.Context) (map[string][]string, error){
		filter.Device: a.devicesByName, filter.Agent: a.agentsByName} {
		if !hasName(e, field) {
			continue
		}
		var err error
		if ids[field], err = read(ctx); err != nil {
			return nil, err
		}
	}
	if len(ids) == 0 {
		return e, nil
	}
	return replaceNames(e, ids), nil
}

func isName(c filter.Compare) bool {
	return (c.Field == filter.Device || c.Field == filter.Agent) && strings.HasPrefix(c.Value, "@")
}

// hasName reports whether a filter has a name of this field.
func hasName(e filter.Expr, field filter.Field) bool {
	has := func(e filter.Expr) bool { return hasName(e, field) }
	switch e := e.(type) {
	case filter.Compare:
		return e.Field == field && isName(e)
	case filter.Not:
		return has(e.Term)
	case filter.And:
		return slices.ContainsFunc(e, has)
	case filter.Or:
		return slices.ContainsFunc(e, has)
	}
	return false
}

func replaceNames(e filter.Expr, ids nameIDs) filter.Expr {
	switch e := e.(type) {
	case filter.Compare:
		if isName(e) {
			return oneOf(e, ids[e.Field][strings.ToLower(e.Value[1:])])
		}
	case filter.Not:
		return filter.Not{Term: replaceNames(e.Term, ids)}
	case filter.And:
		return filter.And(replaceAll(e, ids))
	case filter.Or:
		return filter.Or(replaceAll(e, ids))
	}
	return e
}

func replaceAll(list []filter.Expr, ids nameIDs) []filter.Expr {
	replaced := make([]filter.Expr, len(list))
	for i, e := range list {
		replaced[i] = replaceNames(e, ids)
	}
	return replaced
}

// oneOf returns the comparison with these ids.
func oneOf(c filter.Compare, ids []string) filter.Expr {
	if len(ids) == 0 {
		return c
	}
	var either filter.Or
	for _, id := range ids {
		either = append(either, filter.Compare{Field: c.Field, Op: filter.Equal, Value: id})
	}
	var e filter.Expr = either
	if len(either) == 1 {
		e = either[0]
	}
	if c.Op == filter.NotEqual {
		return filter.Not{Term: e}
	}
	return e
}

// agentsByName lists agents by the names under which they enrolled.
func (a *api) agentsByName(ctx context.Context) (map[string][]string, error) {
	agents, err := a.allAgents(ctx)
	ids := map[string][]string{}
	for i := range agents {
		name := strings.ToLower(agents[i].Name)
		ids[name] = append(ids[name], agents[i].Agent)
	}
	return ids, err
}

func (a *api) devicesByName(ctx context.Context) (map[string][]string, error) {
	a.names.mu.Lock()
	ids, age := a.names.ids, time.Since(a.names.read)
	a.names.mu.Unlock()
	if ids != nil && age < namesAge {
		return ids, nil
	}
	now := time.Now()
	var devices []store.Device
	err := a.ask(ctx, func(ctx context.Context) (err error) {
		span := store.Range{From: now.Add(-namesRange), To: now}
		devices, err = a.store.Devices(ctx, &store.DevicesQuery{Range: span})
		return err
	})
	if err != nil {
		return nil, err
	}
	ids = namesOf(devices)
	a.names.mu.Lock()
	defer a.names.mu.Unlock()
	a.names.ids, a.names.read = ids, now
	return ids, nil
}

// namesOf lists devices by their names, and by the first labels of them.
func namesOf(devices []store.Device) map[string][]string {
	ids := map[string][]string{}
	for i := range devices {
		var of struct {
			Names []struct {
				Name string `json:"name"`
			} `json:"names"`
		}
		if json.Unmarshal(devices[i].Record, &of) != nil {
			continue
		}
		own := map[string]bool{}
		for _, n := range of.Names {
			name := strings.ToLower(n.Name)
			label, _, _ := strings.Cut(name, ".")
			own[name], own[label] = true, true
		}
		for name := range own {
			if name != "" && len(ids[name]) < maxNamed {
				ids[name] = append(ids[name], devices[i].Device)
			}
		}
	}
	return ids
}
