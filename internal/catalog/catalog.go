// SPDX-License-Identifier: Apache-2.0

// Package catalog holds the applications that weir can name, with their host names, certificate names, address blocks
// and categories.
//
// People edit the source, data/*.yaml. `go generate` checks it and writes the compact form in gen/catalog for the
// binary to embed: parsing the YAML would take a gateway longer than the rest of start-up. A user's own YAML file
// extends and overrides the built-in catalog.
package catalog

//go:generate go test -run ^TestGeneratedFormIsCurrent$ -update .

import (
	"cmp"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/gaissmai/bart"

	gen "github.com/weirnet/weir/gen/catalog"
)

// Kind says what an application's address blocks prove.
type Kind uint8

// Kinds. Data files write them as "", "cloud" and "cdn".
const (
	// KindApplication runs its own service on its own blocks, so an address in one names it.
	KindApplication Kind = iota
	// KindCloud rents its blocks out: an address shows the machine's owner, not the service on it.
	KindCloud
	// KindCDN delivers for many operators: an address shows the carrier of the content, not its origin.
	KindCDN
)

// String returns the form of data files.
func (k Kind) String() string {
	switch k {
	case KindCloud:
		return "cloud"
	case KindCDN:
		return "cdn"
	}
	return ""
}

func parseKind(s string) (Kind, error) {
	switch s {
	case "":
		return KindApplication, nil
	case "cloud":
		return KindCloud, nil
	case "cdn":
		return KindCDN, nil
	}
	return 0, fmt.Errorf("kind %q is neither cloud nor cdn", s)
}

// Category is a group of applications. ID is the slug that flow records carry.
type Category struct {
	ID, Name, Meaning string
}

// Application is one entry of the catalog. Host names are lower case, without a dot at either end.
type Application struct {
	ID       string // slug: a-z, 0-9 and '-'
	Name     string // as its operator writes it
	Category string // a Category.ID
	Kind     Kind
	// PartOf is the application that flows report instead, with this entry's category: people don't see an operator's
	// advertising or connectivity check as an application. Empty: the application reports itself.
	PartOf string

	Domains      []string       // each matches itself and its subdomains
	Exact        []string       // each matches itself only
	Certificates []string       // subject names, lower case: an organisation, or a host name suffix
	Networks     []netip.Prefix // address blocks of the operator, masked
}

// Catalog is a set of applications with its indexes. It is immutable after Builtin or Load, so any number of goroutines
// may read it. Callers must not write to its results.
type Catalog struct {
	categories   []Category    // by ID
	applications []Application // by ID
	hosts        suffixSet
	certificates suffixSet
	networks     bart.Table[int32] // index into applications
}

// Load returns the embedded catalog with users' files over it, a later file over an earlier one. An entry with a known
// id adds its names and blocks to that application (`replace: true` starts from nothing); a name or block of another
// application moves to the new one; a new id adds an application. The error lists every fault that Check reports, with
// file and line.
func Load(userFiles ...string) (*Catalog, error) {
	sources, err := ReadSources(userFiles)
	if err != nil {
		return nil, err
	}
	return LoadSources(sources)
}

// Source is a user's file that is read already.
type Source struct{ Path, Text string }

// ReadSources reads files, for a process that can't.
func ReadSources(paths []string) (all []Source, err error) {
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("opening a catalog file: %w", err)
		}
		all = append(all, Source{path, string(text)})
	}
	return all, nil
}

// LoadSources is Load of files that are read already.
func LoadSources(userFiles []Source) (*Catalog, error) {
	c, err := parseCompact(gen.Text)
	if err != nil {
		return nil, fmt.Errorf("parsing the embedded catalog: %w", err)
	}
	for _, source := range userFiles {
		if err := c.overlay(source); err != nil {
			return nil, err
		}
	}
	c.index()
	return c, nil
}

// index builds the lookup structures from the sorted lists.
func (c *Catalog) index() {
	var hosts, certificates int
	for i := range c.applications {
		hosts += len(c.applications[i].Domains) + len(c.applications[i].Exact)
		certificates += len(c.applications[i].Certificates)
	}
	c.hosts = newSuffixSet(hosts)
	c.certificates = newSuffixSet(certificates)
	for i := range c.applications {
		app := &c.applications[i]
		for _, name := range app.Domains {
			c.hosts.add(name, int32(i), false)
		}
		for _, name := range app.Exact {
			c.hosts.add(name, int32(i), true)
		}
		for _, name := range app.Certificates {
			c.certificates.add(name, int32(i), false)
		}
		for _, prefix := range app.Networks {
			c.networks.Insert(prefix, int32(i))
		}
	}
}

// ByHost returns the application with the longest name in the catalog that equals host or is a parent domain of it.
// host may hold any bytes; only a lower-case name without a final dot can match.
func (c *Catalog) ByHost(host []byte) (*Application, bool) {
	i, ok := c.hosts.find(host)
	if !ok {
		return nil, false
	}
	return &c.applications[i], true
}

// HostEntry returns the catalog's name through which ByHost finds the application of host. It is slow: use it for
// explanations only.
func (c *Catalog) HostEntry(host []byte) (entry string, ok bool) {
	app, ok := c.ByHost(host)
	if !ok {
		return "", false
	}
	name := string(host)
	if slices.Contains(app.Exact, name) {
		return name, true
	}
	for _, d := range app.Domains {
		if (name == d || strings.HasSuffix(name, "."+d)) && len(d) > len(entry) {
			entry = d
		}
	}
	return entry, entry != ""
}

// ByCertificate returns the application of a certificate's name: a common name, an organisation or a subject
// alternative name, in any case, with or without a wildcard label (RFC 6125 §6.4.3). The catalog's certificate names
// take precedence over its host names.
func (c *Catalog) ByCertificate(name []byte) (*Application, bool) {
	if len(name) > maxName {
		return nil, false
	}
	var buf [maxName]byte
	lower := buf[:len(name)]
	for i, b := range name {
		if 'A' <= b && b <= 'Z' {
			b += 'a' - 'A'
		}
		lower[i] = b
	}
	if len(lower) > 2 && lower[0] == '*' && lower[1] == '.' {
		lower = lower[2:]
	}
	i, ok := c.certificates.find(lower)
	if !ok {
		if i, ok = c.hosts.find(lower); !ok {
			return nil, false
		}
	}
	return &c.applications[i], true
}

// ByAddress returns the application whose own address block holds addr. It returns none if the smallest block around
// addr belongs to a cloud or CDN, even inside an application's larger block.
func (c *Catalog) ByAddress(addr netip.Addr) (*Application, bool) {
	app, ok := c.owner(addr)
	if !ok || app.Kind != KindApplication {
		return nil, false
	}
	return app, true
}

// AddressEntry returns the catalog's smallest block that holds addr.
func (c *Catalog) AddressEntry(addr netip.Addr) (netip.Prefix, bool) {
	addr = addr.Unmap()
	block, _, ok := c.networks.LookupPrefixLPM(netip.PrefixFrom(addr, addr.BitLen()))
	return block, ok
}

// Network returns the id of the cloud or CDN whose address block holds addr. It shows who owns a service's machine,
// never which service it is.
func (c *Catalog) Network(addr netip.Addr) (string, bool) {
	app, ok := c.owner(addr)
	if !ok || app.Kind == KindApplication {
		return "", false
	}
	return app.ID, true
}

func (c *Catalog) owner(addr netip.Addr) (*Application, bool) {
	i, ok := c.networks.Lookup(addr.Unmap())
	if !ok {
		return nil, false
	}
	return &c.applications[i], true
}

// Applications returns every application, sorted by id.
func (c *Catalog) Applications() []Application { return c.applications }

// Categories returns every category, sorted by id.
func (c *Catalog) Categories() []Category { return c.categories }

// Lookup returns the application with this id.
func (c *Catalog) Lookup(id string) (*Application, bool) {
	i, ok := slices.BinarySearchFunc(c.applications, id, func(a Application, id string) int {
		return strings.Compare(a.ID, id)
	})
	if !ok {
		return nil, false
	}
	return &c.applications[i], true
}

func (c *Catalog) sort() {
	slices.SortFunc(c.categories, func(a, b Category) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(c.applications, func(a, b Application) int { return cmp.Compare(a.ID, b.ID) })
}
