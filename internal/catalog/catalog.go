// SPDX-License-Identifier: Apache-2.0

// Package catalog holds the applications weir can name: the host names, certificate names and address
// blocks by which each is known, its category, and where every list comes from.
//
// The source is data/*.yaml, written to be read and edited by people. `go generate` checks it and writes
// the compact form in gen/catalog that the binary embeds, because parsing the YAML at every start would
// cost a gateway more than the whole rest of start-up. A user's own YAML file adds to it and overrides it.
package catalog

//go:generate go test -run ^TestGeneratedFormIsCurrent$ -update .

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/gaissmai/bart"

	gen "github.com/weirnet/weir/gen/catalog"
)

// Kind says what an application's address blocks prove.
type Kind uint8

// The kinds. The text form, as in data files, is "", "cloud" and "cdn".
const (
	// KindApplication runs its own service on its own blocks, so an address in one names it.
	KindApplication Kind = iota
	// KindCloud rents its blocks out: an address tells who owns the machine and not what runs on it.
	KindCloud
	// KindCDN delivers for anybody: an address tells who carries the content and not whose it is.
	KindCDN
)

// String gives the form that data files use.
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
	return 0, fmt.Errorf("kind %q is none of cloud, cdn", s)
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
	// PartOf is the application as which this one is reported, with this one's category: an operator's advertising or
	// connectivity check is no application of its own to people. Empty: it is one.
	PartOf string

	Domains      []string       // each matches itself and everything below it
	Exact        []string       // each matches itself only
	Certificates []string       // subject names, lower case: an organisation, or a host name suffix
	Networks     []netip.Prefix // address blocks of the operator, masked
}

// Catalog is a set of applications with its indexes. It does not change after Builtin or Load made it,
// so any number of goroutines may read it. What it returns belongs to it and must not be written to.
type Catalog struct {
	categories   []Category    // by ID
	applications []Application // by ID
	hosts        suffixSet
	certificates suffixSet
	networks     bart.Table[int32] // index into applications
}

// Builtin returns the catalog that the binary embeds.
func Builtin() (*Catalog, error) {
	c, err := parseCompact(gen.Text)
	if err != nil {
		return nil, fmt.Errorf("parsing the embedded catalog: %w", err)
	}
	c.index()
	return c, nil
}

// Load returns the embedded catalog with users' files over it, a later file over an earlier one. An
// entry with a known id adds its names and blocks to that application (`replace: true` starts from
// nothing), a name or block that another application had moves, and a new id is a new application.
// Every fault that Check would report is in the error, with its file and line.
func Load(userFiles ...string) (*Catalog, error) {
	c, err := parseCompact(gen.Text)
	if err != nil {
		return nil, fmt.Errorf("parsing the embedded catalog: %w", err)
	}
	for _, path := range userFiles {
		if err := c.overlay(path); err != nil {
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

// ByHost returns the application whose host name suffix is the longest that host ends in, on a label
// boundary. host may hold any bytes; only a lower-case name without a final dot can match.
func (c *Catalog) ByHost(host []byte) (*Application, bool) {
	i, ok := c.hosts.find(host)
	if !ok {
		return nil, false
	}
	return &c.applications[i], true
}

// HostEntry returns the name of the catalog by which ByHost finds the application of host. It is for explanations: it
// is slow.
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

// ByCertificate returns the application that a certificate's subject names: name is a common name, an
// organisation or a subject alternative name, in any case, with or without a wildcard label (RFC 6125
// §6.4.3). Certificate names of the catalog go before host names.
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

// ByAddress returns the application whose own address block holds addr. Where the smallest block that
// holds it is a cloud's or a CDN's there is none, whatever larger block lies around that.
func (c *Catalog) ByAddress(addr netip.Addr) (*Application, bool) {
	app, ok := c.owner(addr)
	if !ok || app.Kind != KindApplication {
		return nil, false
	}
	return app, true
}

// AddressEntry returns the smallest block of the catalog that holds addr.
func (c *Catalog) AddressEntry(addr netip.Addr) (netip.Prefix, bool) {
	addr = addr.Unmap()
	block, _, ok := c.networks.LookupPrefixLPM(netip.PrefixFrom(addr, addr.BitLen()))
	return block, ok
}

// Network returns the id of the cloud or CDN whose address block holds addr. It is for information: it
// says on whose machine a service runs and never which service it is.
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
