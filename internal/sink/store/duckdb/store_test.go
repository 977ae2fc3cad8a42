// SPDX-License-Identifier: Apache-2.0

//go:build cgo

package duckdb

import (
	"path/filepath"
	"testing"

	"github.com/weirnet/weir/internal/sink/store"
	"github.com/weirnet/weir/internal/sink/store/storetest"
)

// open opens a new store.
func open(t testing.TB) *Store {
	t.Helper()
	s, err := Open(filepath.Join(t.TempDir(), "flows.duckdb"), Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// TestStore: the engine does what every engine has to do.
func TestStore(t *testing.T) {
	storetest.Run(t, func(t testing.TB) store.Store { return open(t) })
}
