// SPDX-License-Identifier: Apache-2.0

//go:build cgo

package duckdb

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"runtime"
	"strconv"
	"strings"
	"sync"

	engine "github.com/duckdb/duckdb-go/v2"
)

// Config configures a Store. Zero values are defaults.
type Config struct {
	MemoryLimit int64 // bytes that DuckDB takes, besides Go's memory: 256 MB
	Threads     int   // the machine's cores, at most 4
}

const (
	defaultMemory = 256 << 20
	maxThreads    = 4
	maxReaders    = 4
	maxLog        = 128 << 20 // bytes of changes that are replayed after a crash
)

// Store is a store.Store.
type Store struct {
	db   *sql.DB
	path string

	write  sync.Mutex // serializes writers; what follows is theirs
	writer *sql.Conn
	cache  cache
	rolls  rolls

	onlyRaw bool // a test's: no question is answered from roll-ups
}

// Open opens the database of that path, and makes it or brings it up to date if need be. One process can have it open.
func Open(path string, c Config) (*Store, error) {
	if strings.ContainsAny(path, "?#") {
		return nil, fmt.Errorf("%s: the path of a store can have neither ? nor #", path)
	}
	connector, err := engine.NewConnector(path+"?"+c.options(path), nil)
	if err != nil {
		return nil, fmt.Errorf("open the store %s: %w", path, err)
	}
	s := &Store{db: sql.OpenDB(connector), path: path}
	s.db.SetMaxOpenConns(maxReaders + 1)
	s.db.SetMaxIdleConns(maxReaders + 1)
	if err := s.open(); err != nil {
		_ = s.Close()
		return nil, fmt.Errorf("open the store %s: %w", path, err)
	}
	return s, nil
}

// options are what DuckDB has to be told before it opens the file. It never loads code, from wherever.
func (c Config) options(path string) string {
	memory, threads := c.MemoryLimit, c.Threads
	if memory <= 0 {
		memory = defaultMemory
	}
	if threads <= 0 {
		threads = min(runtime.NumCPU(), maxThreads)
	}
	return url.Values{
		"memory_limit":                  {strconv.FormatInt(memory, 10) + "B"},
		"threads":                       {strconv.Itoa(threads)},
		"checkpoint_threshold":          {strconv.Itoa(maxLog) + "B"},
		"temp_directory":                {path + ".tmp"},
		"autoinstall_known_extensions":  {"false"},
		"autoload_known_extensions":     {"false"},
		"preserve_insertion_order":      {"false"},
		"storage_compatibility_version": {"latest"},
	}.Encode()
}

func (s *Store) open() error {
	ctx := context.Background()
	for _, setting := range []string{"SET enable_external_access = false", "SET lock_configuration = true"} {
		if _, err := s.db.ExecContext(ctx, setting); err != nil {
			return err
		}
	}
	var err error
	if s.writer, err = s.db.Conn(ctx); err != nil {
		return err
	}
	if err := s.migrate(ctx, migrations); err != nil {
		return err
	}
	if _, err := s.writer.ExecContext(ctx, staging); err != nil {
		return err
	}
	return s.load(ctx)
}

// load loads what the writer remembers.
func (s *Store) load(ctx context.Context) error {
	if err := s.rolls.load(ctx, s.writer); err != nil {
		return err
	}
	return s.cache.load(ctx, s.writer)
}

// Close ends the store. Nobody may use it meanwhile.
func (s *Store) Close() error {
	if s.writer != nil {
		_ = s.writer.Close()
	}
	return s.db.Close()
}

// migrate brings the database to the newest version, each step in a transaction.
func (s *Store) migrate(ctx context.Context, steps []string) error {
	if _, err := s.writer.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS weir (version INTEGER NOT NULL)"); err != nil {
		return err
	}
	var version int
	err := s.writer.QueryRowContext(ctx, "SELECT coalesce(max(version), 0) FROM weir").Scan(&version)
	if err != nil {
		return err
	}
	if version > len(steps) {
		return fmt.Errorf("it is of version %d, and this weir-sink knows up to version %d: a newer weir-sink made it",
			version, len(steps))
	}
	for ; version < len(steps); version++ {
		err := s.transaction(ctx, func() error {
			if _, err := s.writer.ExecContext(ctx, steps[version]); err != nil {
				return fmt.Errorf("to version %d: %w", version+1, err)
			}
			_, err := s.writer.ExecContext(ctx, "INSERT INTO weir VALUES (?)", version+1)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// transaction calls do between BEGIN and COMMIT, or ROLLBACK after an error. The writer's lock is held.
func (s *Store) transaction(ctx context.Context, do func() error) error {
	if _, err := s.writer.ExecContext(ctx, "BEGIN TRANSACTION"); err != nil {
		return err
	}
	err := do()
	if err == nil {
		_, err = s.writer.ExecContext(ctx, "COMMIT")
	}
	if err != nil {
		// The caller's context may have ended, and the transaction has to end too.
		_, _ = s.writer.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
	}
	return err
}
