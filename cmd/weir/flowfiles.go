// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/weirnet/weir/internal/control"
	"github.com/weirnet/weir/internal/record"
	"github.com/weirnet/weir/internal/report"
	"github.com/weirnet/weir/internal/ship/spool"
)

// fileKind is what a file of weir flows holds.
type fileKind int

const (
	ofPackets fileKind = iota
	ofRecords          // flow records or reports, a line each; also standard input
	ofSpool            // a report in a spool
)

// expandFiles puts the reports of a spool in the place of its folder, and returns what all files hold.
func expandFiles(names []string) (files []string, kind fileKind, err error) {
	for _, name := range names {
		found := []string{name}
		if info, err := os.Stat(name); err == nil && info.IsDir() {
			if found, err = spool.Files(name); err != nil {
				return nil, 0, err
			}
			if len(found) == 0 {
				return nil, 0, fmt.Errorf("%s: no reports wait in this folder", name)
			}
		}
		files = append(files, found...)
	}
	for i, name := range files {
		k, err := kindOf(name)
		switch {
		case err != nil:
			return nil, 0, err
		case i > 0 && k != kind:
			return nil, 0, errors.New("some files are captures, others records or spooled reports: show them one " +
				"after the other")
		}
		kind = k
	}
	return files, kind, nil
}

// kindOf returns what a file holds, by its first bytes.
func kindOf(name string) (fileKind, error) {
	if name == "-" {
		return ofRecords, nil
	}
	info, err := os.Stat(name)
	if err != nil || !info.Mode().IsRegular() {
		return ofPackets, err
	}
	f, err := os.Open(name)
	if err != nil {
		return ofPackets, err
	}
	defer f.Close()
	begin := make([]byte, 16)
	n, err := io.ReadFull(f, begin)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return ofPackets, err
	}
	switch begin = begin[:n]; {
	case n > 0 && begin[0] == '{':
		return ofRecords, nil
	case spool.IsFile(begin):
		return ofSpool, nil
	}
	return ofPackets, nil
}

// fileReader passes on the records of files.
type fileReader struct {
	to      flowTaker
	reports report.Records // of reports, which continue from file to file
}

// readFiles passes on the records of files that are no captures.
func readFiles(files []string, kind fileKind, to flowTaker, stderr io.Writer) error {
	r := fileReader{to: to}
	for _, name := range files {
		if err := r.read(name, kind); err != nil {
			return partialError{fmt.Errorf("%s: %w", name, err)}
		}
	}
	if n := r.reports.Unknown; n > 0 {
		fmt.Fprintf(stderr, "weir: %d changes are of flows whose records are in earlier reports, and not shown\n", n)
	}
	return nil
}

func (r *fileReader) read(name string, kind fileKind) error {
	in := os.Stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
	}
	if kind == ofSpool {
		text, err := spool.ReadFile(in)
		if err != nil {
			return err
		}
		return r.readReports(bytes.NewReader(text))
	}
	buffered := bufio.NewReaderSize(in, 64<<10)
	const begin = `{"type":"report"`
	if first, _ := buffered.Peek(len(begin)); string(first) == begin { // an error comes again when it is read
		return r.readReports(buffered)
	}
	return readRecords(buffered, r.to, nil)
}

// readReports passes on the records that reports make.
func (r *fileReader) readReports(in io.Reader) error {
	reader := report.NewReader(in)
	for {
		one, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = r.reports.Read(one, func(f *record.Flow) error { return outputError(r.to.flow(f)) })
		}
		if err != nil {
			return err
		}
	}
}

// readRecords passes on the flow records in lines of JSON. other, unless nil, gets the lines of other types.
func readRecords(in io.Reader, to flowTaker, other func(*otherLine)) error {
	lines := record.NewLines(in)
	var f record.Flow
	for number := 1; ; number++ {
		line, err := lines.Next()
		if len(line) == 0 && errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("line %d: %w", number, err)
		}
		if !bytes.Contains(line, []byte(`"type":"flow"`)) {
			isEvent, err := takeEvent(line, to)
			if err == nil && !isEvent {
				err = readOther(line, other)
			}
			if err != nil {
				return fmt.Errorf("line %d: %w", number, err)
			}
			continue
		}
		if err := f.Read(line); err != nil {
			return fmt.Errorf("line %d: %w", number, err)
		}
		if err := to.flow(&f); err != nil {
			return outputError(err)
		}
	}
}

// otherLine is a line that is no flow record: what a stream tells of itself.
type otherLine struct {
	control.Dropped
	control.Position
}

// readOther reads a line that is no flow record.
func readOther(line []byte, other func(*otherLine)) error {
	if len(bytes.TrimSpace(line)) == 0 {
		return nil
	}
	var o otherLine
	if err := json.Unmarshal(line, &o); err != nil {
		return fmt.Errorf("no record: %w", err)
	}
	if other != nil {
		other(&o)
	}
	return nil
}
