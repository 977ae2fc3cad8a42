// SPDX-License-Identifier: Apache-2.0

//go:build cgo

package duckdb

import (
	"bytes"
	"context"
	"database/sql"
	"strings"
	"testing"
)

// TestAppend: what is appended comes back, over several chunks, of all lengths and types; texts that share an address
// or a slot of the appender's memory stay apart.
func TestAppend(t *testing.T) {
	s := open(t)
	const rows = 5000
	long := strings.Repeat("abcdefghijklmnopqrstuvwxyz", 40)
	text := func(n int) string { return long[n%7 : n%7+n%40] }
	ctx := t.Context()
	_, err := s.writer.ExecContext(ctx, `CREATE TEMP TABLE kinds (n BIGINT NOT NULL, a INTEGER NOT NULL,
		b UBIGINT NOT NULL, c USMALLINT NOT NULL, d UTINYINT NOT NULL, t VARCHAR NOT NULL, raw BLOB NOT NULL)`)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.transaction(ctx, func() error {
		return s.appendRows("temp", "kinds", func(a *appender) {
			for n := range rows {
				a.int64(int64(-n))
				a.int32(int32(-n))
				a.uint64(^uint64(n))
				a.uint16(uint16(n))
				a.uint8(uint8(n))
				a.text(text(n))
				a.blob([]byte(text(n + 1)))
				a.next()
			}
		})
	}); err != nil {
		t.Fatal(err)
	}
	n := 0
	const all = "SELECT n, a, b, c, d, t, raw FROM kinds ORDER BY n DESC"
	err = each(ctx, s.writer, all, nil, func(row *sql.Rows) error {
		var i int64
		var a int32
		var b uint64
		var c uint16
		var d uint8
		var text1 string
		var raw []byte
		if err := row.Scan(&i, &a, (*unsigned)(&b), &c, &d, &text1, &raw); err != nil {
			return err
		}
		if i != int64(-n) || a != int32(-n) || b != ^uint64(n) || c != uint16(n) || d != uint8(n) || text1 != text(n) ||
			!bytes.Equal(raw, []byte(text(n+1))) {
			t.Fatalf("row %d is %d %d %d %d %d %q %q", n, i, a, b, c, d, text1, raw)
		}
		n++
		return nil
	})
	if err != nil || n != rows {
		t.Errorf("%d rows, %v", n, err)
	}
}

// unsigned scans 64 bits.
type unsigned uint64

func (u *unsigned) Scan(v any) error {
	n, _ := v.(uint64)
	*u = unsigned(n)
	return nil
}

// TestAppendRefuses: a row of other values than the table's is an error, and none of the rows remains; a text that is
// no UTF-8 too.
func TestAppendRefuses(t *testing.T) {
	s := open(t)
	good := func(a *appender) {
		a.int64(1)
		a.next()
	}
	for name, fill := range map[string]func(*appender){
		"of another type": func(a *appender) { a.int32(1); a.next() },
		"of none":         func(a *appender) { a.next() },
		"of two":          func(a *appender) { a.int64(1); a.int64(1); a.next() },
	} {
		err := s.transaction(context.Background(), func() error {
			return s.appendRows("temp", "keys", func(a *appender) {
				good(a)
				fill(a)
				good(a)
			})
		})
		if n := s.number(t, "SELECT count(*) FROM temp.keys"); err == nil || n != 0 {
			t.Errorf("a row %s: %v, %d rows remain", name, err, n)
		}
	}
	for _, text := range []string{"\xff", strings.Repeat("\xff", 20)} {
		err := s.transaction(context.Background(), func() error {
			return s.appendRows("", "epochs", func(a *appender) {
				a.int32(1)
				a.int32(1)
				a.text(text)
				a.next()
			})
		})
		if n := s.number(t, "SELECT count(*) FROM epochs"); err == nil || n != 0 {
			t.Errorf("%q: %v, %d rows remain", text, err, n)
		}
	}
	if err := s.appendRows("", "no such table", good); err == nil {
		t.Error("rows for no table")
	}
}
