// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"net/netip"
	"strings"

	"github.com/gaissmai/bart"
	"golang.org/x/net/publicsuffix"

	gen "github.com/weirnet/weir/gen/catalog"
)

// maxLabel is the longest label of a host name in octets, RFC 1035 §2.3.4.
const maxLabel = 63

// Problem is a fault in a data file. Line is 0 if the fault concerns the whole file.
type Problem struct {
	File string
	Line int
	Text string
}

// Error returns file:line: text.
func (p Problem) Error() string {
	if p.Line == 0 {
		return p.File + ": " + p.Text
	}
	return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Text)
}

func problemsError(problems []Problem) error {
	errs := make([]error, len(problems))
	for i, p := range problems {
		errs[i] = p
	}
	return errors.Join(errs...)
}

// Check reads a user's data file and returns its faults, nil if it has none; name stands for the file in the report. A
// file may claim a name that the embedded catalog gives to another application: that overrides. It may not claim a name
// twice itself.
func Check(r io.Reader, name string) []Problem {
	f, problems := decodeFile(r, name)
	if problems != nil {
		return problems
	}
	base, err := parseCompact(gen.Text)
	if err != nil {
		return []Problem{{File: name, Text: "parsing the embedded catalog: " + err.Error()}}
	}
	return newChecker(base).check(f, name)
}

// place is the file and line of a first claim, for the report of a second one.
type place struct {
	file string
	line int
}

func (p place) String() string { return fmt.Sprintf("%s:%d", p.file, p.line) }

// checker holds the claims of all files of one set.
type checker struct {
	categories map[string]bool
	known      map[string]bool // ids of the underlying catalog
	given      map[string]place
	networks   bart.Table[givenNetwork]
	problems   []Problem
	file       string
}

type givenNetwork struct {
	id     string
	kind   string
	within string
	place  place
}

// newChecker returns a checker for files over base, which may be empty.
func newChecker(base *Catalog) *checker {
	c := &checker{categories: map[string]bool{}, known: map[string]bool{}, given: map[string]place{}}
	for _, cat := range base.categories {
		c.categories[cat.ID] = true
	}
	for i := range base.applications {
		c.known[base.applications[i].ID] = true
	}
	return c
}

// check returns the faults of the set's next file.
func (c *checker) check(f *file, name string) []Problem {
	c.file, c.problems = name, nil
	for _, cat := range f.Categories {
		c.category(cat)
	}
	for i := range f.Applications {
		c.application(&f.Applications[i])
	}
	return c.problems
}

func (c *checker) report(line int, format string, args ...any) {
	c.problems = append(c.problems, Problem{File: c.file, Line: line, Text: fmt.Sprintf(format, args...)})
}

// once reports a second claim of the same value.
func (c *checker) once(what string, v value) {
	key := what + " " + v.text
	if first, ok := c.given[key]; ok {
		c.report(v.line, "%s %q is already used at %s", what, v.text, first)
		return
	}
	c.given[key] = place{c.file, v.line}
}

func (c *checker) category(cat categoryEntry) {
	if !isSlug(cat.ID.text) {
		c.report(cat.ID.line, "category id %q is not a slug of a-z, 0-9 and '-'", cat.ID.text)
	}
	c.once("category", cat.ID)
	for _, v := range []value{cat.Name, cat.Meaning} {
		if !isLine(v.text) {
			c.report(cat.ID.line, "category %q needs a name and a meaning of one line each", cat.ID.text)
		}
	}
	c.categories[cat.ID.text] = true
}

func (c *checker) application(e *entry) {
	if !isSlug(e.ID.text) {
		c.report(e.ID.line, "id %q is not a slug of a-z, 0-9 and '-'", e.ID.text)
	}
	c.once("application", e.ID)
	if e.Name.text != "" && !isLine(e.Name.text) {
		c.report(e.Name.line, "name %q is not one line of text", e.Name.text)
	}
	switch {
	case e.Category.text == "" && !c.known[e.ID.text]:
		c.report(e.ID.line, "application %q has no category", e.ID.text)
	case e.Category.text != "" && !c.categories[e.Category.text]:
		c.report(e.Category.line, "category %q is unknown", e.Category.text)
	}
	if _, err := parseKind(e.Kind.text); err != nil {
		c.report(e.Kind.line, "%v", err)
	}
	if e.PartOf.text != "" && !isSlug(e.PartOf.text) {
		c.report(e.PartOf.line, "part_of %q is not an application's id", e.PartOf.text)
	}
	for _, v := range e.Domains {
		c.hostName("domain", v)
		if suffix, icann := publicsuffix.PublicSuffix(v.text); icann && suffix == v.text {
			c.report(v.line, "domain %q is a public suffix, which many operators share", v.text)
		}
	}
	for _, v := range e.Exact {
		c.hostName("exact name", v)
	}
	for _, v := range e.Certificates {
		if !isLine(v.text) || len(v.text) > maxName || v.text != strings.ToLower(v.text) ||
			strings.Contains(v.text, "|") {
			c.report(v.line, "certificate name %q is not lower-case text of at most %d bytes without '|'", v.text,
				maxName)
		}
		c.once("certificate name", v)
	}
	for _, v := range e.Networks {
		c.network(e, v)
	}
}

func (c *checker) hostName(what string, v value) {
	if err := checkHostName(v.text); err != nil {
		c.report(v.line, "%s %q %v", what, v.text, err)
	}
	c.once(what, v)
}

// network claims a block. The smallest block around an address wins, so blocks may nest; but applications that share
// addresses are a mistake, unless one says `within:` the other. Blocks of clouds and CDNs may nest with any other.
func (c *checker) network(e *entry, v value) {
	prefix, err := netip.ParsePrefix(v.text)
	if err != nil {
		c.report(v.line, "network %q is not an address block (1.2.3.0/24, 2001:db8::/32)", v.text)
		return
	}
	if prefix != prefix.Masked() {
		c.report(v.line, "network %q has bits beyond its length: write %s", v.text, prefix.Masked())
	}
	if prefix.Addr().Is4In6() || prefix.Bits() == 0 {
		c.report(v.line, "network %q is IPv4-mapped, or covers all addresses", v.text)
	}
	if other, ok := c.networks.Get(prefix); ok {
		c.report(v.line, "network %q is already used by %q at %s", v.text, other.id, other.place)
	} else if e.Kind.text == "" {
		c.sharedNetwork(e, v, prefix)
	}
	c.networks.Insert(prefix, givenNetwork{e.ID.text, e.Kind.text, e.Within.text, place{c.file, v.line}})
}

// sharedNetwork reports the first block of another application that shares addresses with prefix.
func (c *checker) sharedNetwork(e *entry, v value, prefix netip.Prefix) {
	for _, overlapping := range []iter.Seq2[netip.Prefix, givenNetwork]{c.networks.Supernets(prefix),
		c.networks.Subnets(prefix)} {
		for with, other := range overlapping {
			if other.kind == "" && other.id != e.ID.text && other.id != e.Within.text && other.within != e.ID.text {
				c.report(v.line, "network %q overlaps %s of %q, at %s", v.text, with, other.id, other.place)
				return
			}
		}
	}
}

// checkHostName demands the canonical form: lower-case letters, digits, '-' and '_' (RFC 1123 §2.1 forbids '_', service
// names use it), labels of 1 to 63 octets, no dot at either end.
func checkHostName(s string) error {
	if len(s) > maxName {
		return fmt.Errorf("is longer than %d bytes", maxName)
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > maxLabel {
			return fmt.Errorf("has a label that is empty or longer than %d bytes", maxLabel)
		}
		for _, r := range label {
			if !isSlugRune(r) && r != '_' {
				return fmt.Errorf("has %q: write lower case, xn-- instead of non-ASCII letters, no wildcard", r)
			}
		}
	}
	return nil
}

func isSlug(s string) bool {
	return s != "" && len(s) <= maxLabel && s[0] != '-' && s[len(s)-1] != '-' &&
		!strings.ContainsFunc(s, func(r rune) bool { return !isSlugRune(r) })
}

func isSlugRune(r rune) bool {
	return 'a' <= r && r <= 'z' || '0' <= r && r <= '9' || r == '-'
}

// isLine reports whether s is text of one line, which the compact form requires.
func isLine(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}
