// SPDX-License-Identifier: Apache-2.0

//go:build cgo

package duckdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

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

// reopen closes a store and opens its file again.
func reopen(t *testing.T, s *Store) *Store {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Open(s.path, Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = again.Close() })
	return again
}

// TestReopen: a store goes on where it was left, also in the middle of its agents' flows.
func TestReopen(t *testing.T) {
	g := storetest.NewGateway(1, 5, 1000)
	for range 20 {
		g.Step()
	}
	path := filepath.Join(t.TempDir(), "flows.duckdb")
	s, err := Open(path, Config{})
	if err != nil {
		t.Fatal(err)
	}
	whole := open(t)
	for i := range g.Reports {
		if unknown, err := s.Ingest(t.Context(), g.Reports[i:i+1]); err != nil || len(unknown) > 0 {
			t.Fatal(unknown, err)
		}
		if i%5 == 4 {
			s = reopen(t, s)
		}
	}
	if _, err := whole.Ingest(t.Context(), g.Reports); err != nil {
		t.Fatal(err)
	}
	q := &store.TopQuery{Range: store.Range{From: storetest.Start, To: g.Now()}, By: store.ByDevice, Limit: 100}
	got, err := s.Top(t.Context(), q)
	want, wantErr := whole.Top(t.Context(), q)
	if err != nil || wantErr != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, %v: got  %+v\nwant %+v", err, wantErr, got, want)
	}
	if again, err := s.Ingest(t.Context(), g.Reports); err != nil || len(again) > 0 {
		t.Errorf("reports that were stored: %v, %v", again, err)
	}
	if got, _ := s.Top(t.Context(), q); !reflect.DeepEqual(got, want) {
		t.Errorf("repeated reports: got  %+v\nwant %+v", got, want)
	}
}

// TestVersions: a database of version 1 is brought up to date and keeps what it has, a newer one is refused.
func TestVersions(t *testing.T) {
	script, err := os.ReadFile("testdata/version-1.sql")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "flows.duckdb")
	execute(t, path, string(script))
	s, err := Open(path, Config{})
	if err != nil {
		t.Fatal(err)
	}
	if n := s.number(t, "SELECT max(version) FROM weir"); n != int64(len(migrations)) {
		t.Errorf("version %d, want %d", n, len(migrations))
	}
	flow, err := s.Flow(t.Context(), "a0000000000000000000000000000001", "00000001000000000000000000000007")
	if err != nil || !strings.Contains(string(flow.Record), `"hostname":"www.example.com"`) {
		t.Errorf("flow %+v, %v", flow, err)
	}
	if err := migrated(s); err != "" {
		t.Error(err)
	}
	from := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	q := &store.TopQuery{Range: store.Range{From: from, To: from.Add(24 * time.Hour)}, By: store.ByApplication,
		Limit: 5}
	top, err := s.Top(t.Context(), q)
	want := store.Sums{UpBytes: 300, DownBytes: 1200, Packets: 5, Flows: 1}
	if err != nil || top.Total != want || top.Rows[0].Key != "example" {
		t.Errorf("top %+v, %v", top, err)
	}
	q = &store.TopQuery{Range: store.Range{From: from.Add(-24 * time.Hour), To: from}, By: store.ByHost, Limit: 5}
	want = store.Sums{UpBytes: 10, DownBytes: 20, Packets: 3, Flows: 1}
	if top, err = s.Top(t.Context(), q); err != nil || !top.Approximate || top.Other != want || top.Total != want {
		t.Errorf("hosts of before there were roll-ups of them: %+v, %v", top, err)
	}
	s = reopen(t, s)
	if n := s.number(t, "SELECT count(*) FROM weir"); n != int64(len(migrations)) {
		t.Errorf("%d versions are noted, want %d", n, len(migrations))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	execute(t, path, "INSERT INTO weir VALUES (1000)")
	if _, err := Open(path, Config{}); err == nil || !strings.Contains(err.Error(), "a newer weir-sink made it") {
		t.Errorf("a database of version 1000: %v", err)
	}
	if err := os.WriteFile(path, []byte(strings.Repeat("no database", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path, Config{}); err == nil {
		t.Error("a file that is no database was opened")
	}
}

// migrated checks that what later versions store otherwise means the same as before.
func migrated(s *Store) string {
	var all []string
	err := each(context.Background(), s.writer, "SELECT "+columnNames+" FROM flows f ORDER BY key", nil,
		func(rows *sql.Rows) error {
			r, err := scanRow(rows)
			all = append(all, fmt.Sprintf("%d %q %v %v", r.server.port, r.dims.port, r.dims.isUpServer, r.versions))
			return err
		})
	const pos = 1<<40 + 1
	want := []string{fmt.Sprintf(`443 "443" false %v`, [7]int64{pos, pos, pos, pos, pos, pos, pos}),
		fmt.Sprintf(`0 "" true %v`, [7]int64{pos + 1, pos, pos, pos, pos, pos, pos})}
	if err != nil || !slices.Equal(all, want) {
		return fmt.Sprintf("%v: got  %q\nwant %q", err, all, want)
	}
	return ""
}

// execute executes a script on a database by DuckDB alone.
func execute(t *testing.T, path, script string) {
	t.Helper()
	db, err := sql.Open("duckdb", path)
	if err == nil {
		_, err = db.ExecContext(t.Context(), script)
	}
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

// TestConfined: SQL reaches nothing but the database, and can't change that.
func TestConfined(t *testing.T) {
	s := open(t)
	for _, statement := range []string{"SELECT * FROM read_csv('/etc/passwd')", "COPY (SELECT 1) TO '/tmp/weir-test'",
		"INSTALL httpfs", "LOAD httpfs", "ATTACH '/tmp/weir-test.duckdb'", "SET enable_external_access = true",
		"SET autoload_known_extensions = true", "SET memory_limit = '1TB'"} {
		if _, err := s.db.ExecContext(t.Context(), statement); err == nil {
			t.Errorf("%s: done", statement)
		}
	}
	for setting, want := range map[string]string{"autoinstall_known_extensions": "false",
		"autoload_known_extensions": "false", "enable_external_access": "false", "lock_configuration": "true"} {
		var got string
		err := s.db.QueryRowContext(t.Context(), "SELECT current_setting(?)::VARCHAR", setting).Scan(&got)
		if err != nil || got != want {
			t.Errorf("%s is %q, want %q, %v", setting, got, want, err)
		}
	}
}
