// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"

	"github.com/weirnet/weir/internal/sink/agents"
	"github.com/weirnet/weir/internal/sink/store"
)

// namedStore is a store whose agents have the names under which they enrolled.
type namedStore struct {
	store.Store
	registry *agents.Registry
}

// Agents implements store.Store.
func (s namedStore) Agents(ctx context.Context) ([]store.Agent, error) {
	reported, err := s.Store.Agents(ctx)
	if err != nil {
		return nil, err
	}
	names := map[string]string{}
	for _, a := range s.registry.List() {
		names[a.ID] = a.Name
	}
	for i := range reported {
		reported[i].Name = names[reported[i].Agent]
	}
	return reported, nil
}
