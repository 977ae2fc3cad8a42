// SPDX-License-Identifier: Apache-2.0

//go:build cgo

package duckdb

import (
	"database/sql/driver"
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
	"unicode/utf8"
	"unsafe"

	engine "github.com/duckdb/duckdb-go/v2"
	"github.com/duckdb/duckdb-go/v2/mapping"
)

// appender appends rows to a table, by chunks whose columns it fills in DuckDB's own memory. The driver's appender
// takes each value as an interface and calls C for each text: that costs as much as DuckDB itself.
//
// A row is a call for each column, in order and with the column's type, then next.
type appender struct {
	table   mapping.Appender
	chunk   mapping.DataChunk
	types   []mapping.LogicalType
	columns []chunkColumn
	column  int // the next one of the row
	row     int
	size    int // rows of a chunk
	err     error
}

// chunkColumn is a column of the chunk.
type chunkColumn struct {
	kind   mapping.Type
	vector mapping.Vector
	data   unsafe.Pointer
	// known has texts that the chunk has already, each where its address says: rows share them.
	known [64]knownText
}

// knownText is a text with what DuckDB's vector has of it.
type knownText struct {
	text string
	in   duckText
}

// duckText is duckdb_string_t: the length, then a text of up to 12 bytes, or 4 bytes of it and a pointer.
type duckText [16]byte

const inlineText = len(duckText{}) - 4

// appendRows appends the rows that fill makes to a table, in the writer's transaction.
func (s *Store) appendRows(catalog, table string, fill func(*appender)) error {
	return s.writer.Raw(func(conn any) error {
		a := &appender{size: int(mapping.VectorSize())}
		defer a.destroy()
		if a.open(conn, catalog, table); a.err != nil {
			return a.err
		}
		fill(a)
		a.flush()
		if a.err == nil && mapping.AppenderFlush(a.table) == mapping.StateError {
			a.fail()
		}
		return a.err
	})
}

// connection returns DuckDB's connection of a driver's, which has no method for it.
func connection(conn any) (c mapping.Connection, err error) {
	driverConn, ok := conn.(*engine.Conn)
	if !ok {
		return c, fmt.Errorf("%T is no connection of DuckDB", conn)
	}
	field := reflect.ValueOf(driverConn).Elem().FieldByName("conn")
	if !field.IsValid() || field.Type() != reflect.TypeOf(c) {
		return c, errors.New("this version of the driver keeps its connection elsewhere")
	}
	c.Ptr = field.FieldByName("Ptr").UnsafePointer()
	return c, nil
}

func (a *appender) open(conn any, catalog, table string) {
	c, err := connection(conn)
	if a.err = err; err != nil {
		return
	}
	if mapping.AppenderCreateExt(c, catalog, "main", table, &a.table) == mapping.StateError {
		a.fail()
		return
	}
	a.columns = make([]chunkColumn, mapping.AppenderColumnCount(a.table))
	for i := range a.columns {
		t := mapping.AppenderColumnType(a.table, mapping.IdxT(i))
		a.types = append(a.types, t)
		a.columns[i].kind = mapping.GetTypeId(t)
	}
	a.chunk = mapping.CreateDataChunk(a.types)
	a.locate()
}

// locate finds the columns' memory.
func (a *appender) locate() {
	for i := range a.columns {
		c := &a.columns[i]
		c.vector = mapping.DataChunkGetVector(a.chunk, mapping.IdxT(i))
		c.data = mapping.VectorGetData(c.vector)
		clear(c.known[:])
	}
}

// fail takes the error that DuckDB has.
func (a *appender) fail() {
	if a.err == nil {
		a.err = errors.New(mapping.AppenderError(a.table))
	}
}

func (a *appender) destroy() {
	if a.chunk.Ptr != nil {
		mapping.DestroyDataChunk(&a.chunk)
	}
	for i := range a.types {
		mapping.DestroyLogicalType(&a.types[i])
	}
	if a.table.Ptr != nil {
		if a.err != nil {
			mapping.AppenderClear(a.table) // else it would append what it has
		}
		mapping.AppenderDestroy(&a.table)
	}
}

// next ends a row.
func (a *appender) next() {
	if a.column != len(a.columns) && a.err == nil {
		a.err = fmt.Errorf("a row of %d values for %d columns", a.column, len(a.columns))
	}
	a.column = 0
	if a.row++; a.row == a.size {
		a.flush()
	}
}

// flush gives the chunk to DuckDB, which copies it.
func (a *appender) flush() {
	if a.err == nil && a.row > 0 {
		mapping.DataChunkSetSize(a.chunk, mapping.IdxT(a.row))
		if mapping.AppendDataChunk(a.table, a.chunk) == mapping.StateError {
			a.fail()
		}
		mapping.DataChunkReset(a.chunk)
		a.locate()
	}
	a.row = 0
}

// into returns the next column, nil if it is of another type.
func (a *appender) into(kind mapping.Type) *chunkColumn {
	if a.column >= len(a.columns) || a.columns[a.column].kind != kind {
		if a.err == nil {
			a.err = fmt.Errorf("a value of another type than that of column %d", a.column)
		}
		a.column++
		return nil
	}
	a.column++
	return &a.columns[a.column-1]
}

func put[T any](a *appender, kind mapping.Type, v T) {
	if c := a.into(kind); c != nil {
		*(*T)(unsafe.Add(c.data, uintptr(a.row)*unsafe.Sizeof(v))) = v
	}
}

func (a *appender) int32(v int32)   { put(a, mapping.TypeInteger, v) }
func (a *appender) int64(v int64)   { put(a, mapping.TypeBigInt, v) }
func (a *appender) uint8(v uint8)   { put(a, mapping.TypeUTinyInt, v) }
func (a *appender) uint16(v uint16) { put(a, mapping.TypeUSmallInt, v) }
func (a *appender) uint32(v uint32) { put(a, mapping.TypeUInteger, v) }
func (a *appender) uint64(v uint64) { put(a, mapping.TypeUBigInt, v) }

// text appends a text. Two equal ones with the same address take no more room in the chunk than one.
func (a *appender) text(s string) {
	c := a.into(mapping.TypeVarchar)
	if c == nil {
		return
	}
	at := (*duckText)(unsafe.Add(c.data, a.row*len(duckText{})))
	if len(s) <= inlineText && utf8.ValidString(s) {
		*at = inline(s)
		return
	}
	slot := &c.known[uintptr(unsafe.Pointer(unsafe.StringData(s)))>>4%uintptr(len(c.known))]
	if len(slot.text) == len(s) && unsafe.StringData(slot.text) == unsafe.StringData(s) {
		*at = slot.in
		return
	}
	mapping.VectorAssignStringElement(c.vector, mapping.IdxT(a.row), s)
	*slot = knownText{s, *at}
}

// blob appends bytes.
func (a *appender) blob(b []byte) {
	c := a.into(mapping.TypeBlob)
	switch {
	case c == nil:
	case len(b) <= inlineText:
		*(*duckText)(unsafe.Add(c.data, a.row*len(duckText{}))) = inline(b)
	default:
		mapping.VectorAssignStringElementLen(c.vector, mapping.IdxT(a.row), b)
	}
}

func inline[T string | []byte](s T) (t duckText) {
	binary.NativeEndian.PutUint32(t[:], uint32(len(s)))
	copy(t[4:], s)
	return t
}

// appendTo appends the few rows that fill makes to a table, in the writer's transaction.
func (s *Store) appendTo(catalog, table string, fill func(row func(...driver.Value) error) error) error {
	return s.writer.Raw(func(conn any) error {
		a, err := engine.NewAppender(conn.(driver.Conn), catalog, "main", table)
		if err != nil {
			return err
		}
		err = fill(a.AppendRow)
		if closeErr := a.Close(); err == nil {
			err = closeErr
		}
		return err
	})
}
