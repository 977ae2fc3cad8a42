// SPDX-License-Identifier: Apache-2.0

// Command generate writes the table of internal/oui from the files of Debian's package ieee-data.
package main

import (
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// registry is the directory of the IEEE's lists.
const registry = "/usr/share/ieee-data"

// lists are in the table's order: the longest assignments first.
var lists = []struct {
	file         string
	digits, size int
}{{"oui36.csv", 9, 5}, {"mam.csv", 7, 4}, {"oui.csv", 6, 3}}

const maxName = 64 // bytes

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: generate FILE")
		os.Exit(2)
	}
	table, err := build()
	if err == nil {
		err = os.WriteFile(os.Args[1], table, 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func build() ([]byte, error) {
	var counts, records, names []byte
	places := map[string]int{}
	for _, l := range lists {
		all, err := read(filepath.Join(registry, l.file), l.digits, l.size)
		if errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("%w: install ieee-data", err)
		}
		if err != nil {
			return nil, err
		}
		counts = append(counts, byte(len(all)>>24), byte(len(all)>>16), byte(len(all)>>8), byte(len(all)))
		for _, prefix := range slices.Sorted(maps.Keys(all)) {
			name := all[prefix]
			place, known := places[name]
			if !known {
				place = len(names)
				places[name] = place
				names = append(append(names, byte(len(name))), name...)
			}
			records = append(append(records, prefix...), byte(place>>16), byte(place>>8), byte(place))
		}
	}
	if len(names) >= 1<<24 {
		return nil, fmt.Errorf("%d bytes of names: a place has 3 bytes", len(names))
	}
	return slices.Concat(counts, records, names), nil
}

// read returns the names in a list by assignment. It omits private assignments.
func read(path string, digits, size int) (map[string]string, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	lines := csv.NewReader(file)
	lines.FieldsPerRecord, lines.LazyQuotes = -1, true
	all := map[string]string{}
	for {
		line, err := lines.Read()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if len(line) < 3 || len(line[1]) != digits {
			continue // the header
		}
		prefix, err := hex.DecodeString((line[1] + "000")[:2*size])
		if err != nil {
			return nil, fmt.Errorf("%s: assignment %q", path, line[1])
		}
		if name := clean(line[2]); name != "" && name != "Private" && name != "IEEE Registration Authority" {
			all[string(prefix)] = name
		}
	}
}

// clean makes a name short and printable, with single spaces.
func clean(name string) string {
	name = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, name)
	name = strings.Join(strings.Fields(name), " ")
	for len(name) > maxName {
		_, size := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-size]
	}
	return strings.TrimSpace(name)
}
