// SPDX-License-Identifier: Apache-2.0

// Package geo finds the autonomous system and the country of an address, in MMDB files of the user's: those of MaxMind
// (GeoLite2 ASN, Country, City), DB-IP, IPinfo, and others with the same members.
package geo

import (
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"github.com/oschwald/maxminddb-golang/v2"

	"github.com/weirnet/weir/internal/record"
)

// Bounds: of a file, which is read into memory; of an organisation's name; and of the addresses that are remembered.
const (
	maxFile       = 512 << 20
	maxName       = 100
	maxRemembered = 8192
)

// Table answers from files. It is not safe for use by several goroutines. A nil Table knows nothing.
type Table struct {
	files      []*maxminddb.Reader
	remembered map[netip.Addr]*record.Origin
}

// Open reads files. Of what several files know, the first one counts. Without files the Table is nil.
func Open(paths ...string) (*Table, error) {
	if len(paths) == 0 {
		return nil, nil
	}
	t := &Table{remembered: make(map[netip.Addr]*record.Origin)}
	for _, path := range paths {
		reader, err := read(path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		t.files = append(t.files, reader)
	}
	return t, nil
}

// read reads a file as a whole: a file in place of it must not change what this process reads.
func read(path string) (*maxminddb.Reader, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxFile {
		return nil, fmt.Errorf("an MMDB file is a regular file of at most %d MiB", maxFile>>20)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	reader, err := maxminddb.OpenBytes(text)
	if err != nil {
		return nil, fmt.Errorf("this is no MMDB file: %w", err)
	}
	return reader, nil
}

// Find returns what the files know of an address, nil for nothing. Addresses that are not global have neither a system
// nor a country.
func (t *Table) Find(a netip.Addr) *record.Origin {
	a = a.Unmap().WithZone("")
	if t == nil || !a.IsGlobalUnicast() || a.IsPrivate() {
		return nil
	}
	if origin, ok := t.remembered[a]; ok {
		return origin
	}
	origin := new(record.Origin)
	for _, file := range t.files {
		add(origin, file.Lookup(a))
	}
	if *origin == (record.Origin{}) {
		origin = nil
	}
	if len(t.remembered) >= maxRemembered {
		clear(t.remembered)
	}
	t.remembered[a] = origin
	return origin
}

// Flow sets where the ends of a record are at home. The ends of the LAN are at home there.
func (t *Table) Flow(r *record.Flow) {
	if t == nil {
		return
	}
	for _, end := range [...]*record.Endpoint{&r.Client, &r.Server} {
		if end.Side == record.SideWAN || end.Side == record.SideUnknown {
			end.Origin = t.Find(end.Addr.Addr())
		}
	}
}

// add takes what a file says, where nothing is known yet. A file with other members, or a damaged one, says nothing.
func add(o *record.Origin, found maxminddb.Result) {
	if !found.Found() {
		return
	}
	if o.ASN == 0 {
		o.ASN = asn(found)
		if o.ASN != 0 {
			name := firstText(found, []any{"autonomous_system_organization"}, []any{"as_name"}, []any{"name"},
				[]any{"organization"})
			o.ASName = cut(name)
		}
	}
	if o.Country == "" {
		o.Country = country(firstText(found, []any{"country", "iso_code"}, []any{"country_code"}, []any{"country"}))
	}
}

// asn returns the number of the autonomous system: a number, or a text such as AS64496.
func asn(found maxminddb.Result) uint32 {
	var number uint32
	if found.DecodePath(&number, "autonomous_system_number") == nil && number != 0 {
		return number
	}
	text := firstText(found, []any{"asn"})
	if len(text) > 2 && strings.EqualFold(text[:2], "AS") {
		text = text[2:]
	}
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return 0
	}
	return uint32(n)
}

// firstText returns the first text that is at one of the paths.
func firstText(found maxminddb.Result, paths ...[]any) string {
	for _, path := range paths {
		var text string
		if found.DecodePath(&text, path...) == nil && text != "" {
			return text
		}
	}
	return ""
}

// cut bounds an organisation's name, at a character.
func cut(name string) string {
	if len(name) <= maxName {
		return strings.ToValidUTF8(name, "")
	}
	return strings.ToValidUTF8(name[:maxName], "")
}

// country returns a country's code, "" for what is none.
func country(text string) string {
	text = strings.ToUpper(text)
	if len(text) != 2 || text[0] < 'A' || text[0] > 'Z' || text[1] < 'A' || text[1] > 'Z' {
		return ""
	}
	return text
}
