// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"time"

	"github.com/weirnet/weir/internal/sink/filter"
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

// resolve replaces names of devices in a filter by the devices that have them. A name that no device has stays, and
// matches nothing.
func (a *api) resolve(ctx context.Context, e filter.Expr) (filter.Expr, error) {
	if !hasName(e) {
		return e, nil
	}
	ids, err := a.devicesByName(ctx)
	if err != nil {
		return nil, err
	}
	return replaceNames(e, ids), nil
}

func isName(c filter.Compare) bool {
	return c.Field == filter.Device && strings.HasPrefix(c.Value, "@")
}

func hasName(e filter.Expr) bool {
	switch e := e.(type) {
	case filter.Compare:
		return isName(e)
	case filter.Not:
		return hasName(e.Term)
	case filter.And:
		return anyHasName(e)
	case filter.Or:
		return anyHasName(e)
	}
	return false
}

func anyHasName(list []filter.Expr) bool {
	for _, e := range list {
		if hasName(e) {
			return true
		}
	}
	return false
}

func replaceNames(e filter.Expr, ids map[string][]string) filter.Expr {
	switch e := e.(type) {
	case filter.Compare:
		if isName(e) {
			return devicesOf(e, ids[strings.ToLower(e.Value[1:])])
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

func replaceAll(list []filter.Expr, ids map[string][]string) []filter.Expr {
	replaced := make([]filter.Expr, len(list))
	for i, e := range list {
		replaced[i] = replaceNames(e, ids)
	}
	return replaced
}

// devicesOf returns the comparison with these devices.
func devicesOf(c filter.Compare, ids []string) filter.Expr {
	if len(ids) == 0 {
		return c
	}
	var either filter.Or
	for _, id := range ids {
		either = append(either, filter.Compare{Field: filter.Device, Op: filter.Equal, Value: id})
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
