// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"crypto/ed25519"
	"path/filepath"
	"testing"
	"time"

	"github.com/weirnet/weir/internal/sink/agents"
	"github.com/weirnet/weir/internal/sink/store"
)

type storeOfAgents struct {
	store.Store
	all []store.Agent
}

func (s storeOfAgents) Agents(context.Context) ([]store.Agent, error) { return s.all, nil }

// TestAgentsHaveNames: an agent that has enrolled has its name in the API's answers; one that has not has none.
func TestAgentsHaveNames(t *testing.T) {
	registry, err := agents.Open(filepath.Join(t.TempDir(), "agents.json"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	code, _, err := registry.NewCode("gateway", [16]byte{})
	if err != nil {
		t.Fatal(err)
	}
	key, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	enrolled, err := registry.Enrol(code, key, "1.0")
	if err != nil {
		t.Fatal(err)
	}
	s := namedStore{storeOfAgents{all: []store.Agent{{Agent: enrolled.ID}, {Agent: "other"}}}, registry}
	all, err := s.Agents(t.Context())
	if err != nil || len(all) != 2 || all[0].Name != "gateway" || all[1].Name != "" {
		t.Errorf("%+v, %v", all, err)
	}
}
