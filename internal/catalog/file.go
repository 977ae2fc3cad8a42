// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxFile bounds a data file in bytes: room for over a million host names.
const maxFile = 64 << 20

// file is the form of a data file. data/README.md explains it to authors.
type file struct {
	Categories   []categoryEntry `yaml:"categories"`
	Applications []entry         `yaml:"applications"`
}

type categoryEntry struct {
	ID      value `yaml:"id"`
	Name    value `yaml:"name"`
	Meaning value `yaml:"meaning"`
}

type entry struct {
	ID           value   `yaml:"id"`
	Name         value   `yaml:"name"`
	Category     value   `yaml:"category"`
	Kind         value   `yaml:"kind"`
	Domains      []value `yaml:"domains"`
	Exact        []value `yaml:"exact"`
	Certificates []value `yaml:"certificates"`
	Networks     []value `yaml:"networks"`
	PartOf       value   `yaml:"part_of"` // the application that flows report instead
	Within       value   `yaml:"within"`  // the application whose blocks may contain this one's
	Replace      bool    `yaml:"replace"` // drop the names and blocks of this id from earlier files
	Note         value   `yaml:"note"`    // for readers of the file
	Source       value   `yaml:"source"`  // the operator's document that confirms the entry
}

// value is a scalar with its line.
type value struct {
	text string
	line int
}

// UnmarshalYAML accepts any scalar as its literal text.
func (v *value) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind != yaml.ScalarNode {
		return fmt.Errorf("line %d: want a single value, not a list or mapping", node.Line)
	}
	v.text, v.line = node.Value, node.Line
	return nil
}

// decodeFile decodes one data file strictly: an unknown key is a fault. It reports all faults that the decoder finds
// before it gives up.
func decodeFile(r io.Reader, name string) (*file, []Problem) {
	limited := &io.LimitedReader{R: r, N: maxFile + 1}
	decoder := yaml.NewDecoder(limited)
	decoder.KnownFields(true)
	f := &file{}
	err := decoder.Decode(f)
	if errors.Is(err, io.EOF) {
		return f, nil // nothing but comments
	}
	if err == nil {
		var more yaml.Node
		if decoder.Decode(&more) != io.EOF {
			err = errors.New("a second YAML document, or more text, after the first")
		}
	}
	if limited.N <= 0 {
		return nil, []Problem{{File: name, Text: fmt.Sprintf("more than %d bytes", maxFile)}}
	}
	if err == nil {
		return f, nil
	}
	var typeError *yaml.TypeError
	if !errors.As(err, &typeError) {
		return nil, []Problem{yamlProblem(name, err.Error())}
	}
	var problems []Problem
	for _, text := range typeError.Errors {
		problems = append(problems, yamlProblem(name, text))
	}
	return nil, problems
}

// yamlProblem extracts the line number from the decoder's text, which has "line N: " at or near its start.
func yamlProblem(name, text string) Problem {
	text = strings.TrimPrefix(text, "yaml: ")
	p := Problem{File: name, Text: text}
	if rest, ok := strings.CutPrefix(text, "line "); ok {
		if number, message, ok := strings.Cut(rest, ": "); ok {
			if line, err := strconv.Atoi(number); err == nil {
				p.Line, p.Text = line, message
			}
		}
	}
	return p
}

// overlay puts one user's file over the catalog.
func (c *Catalog) overlay(source Source) error {
	f, problems := decodeFile(strings.NewReader(source.Text), source.Path)
	if problems == nil {
		problems = newChecker(c).check(f, source.Path)
	}
	if problems != nil {
		return problemsError(problems)
	}
	c.merge(f)
	c.sort()
	return nil
}

// merge adds a checked file. The names and blocks in it leave their former applications.
func (c *Catalog) merge(f *file) {
	for _, cat := range f.Categories {
		c.categories = slices.DeleteFunc(c.categories, func(have Category) bool { return have.ID == cat.ID.text })
		c.categories = append(c.categories, Category{ID: cat.ID.text, Name: cat.Name.text, Meaning: cat.Meaning.text})
	}
	c.release(f)
	number := make(map[string]int, len(c.applications))
	for i := range c.applications {
		number[c.applications[i].ID] = i
	}
	for i := range f.Applications {
		e := &f.Applications[i]
		at, known := number[e.ID.text]
		if !known {
			at = len(c.applications)
			c.applications = append(c.applications, Application{ID: e.ID.text, Name: e.ID.text})
		}
		c.applications[at].apply(e)
	}
}

// apply adds an entry's names and blocks.
func (a *Application) apply(e *entry) {
	if e.Replace {
		*a = Application{ID: a.ID, Name: a.Name, Category: a.Category, Kind: a.Kind, PartOf: a.PartOf}
	}
	if e.Name.text != "" {
		a.Name = e.Name.text
	}
	if e.Category.text != "" {
		a.Category = e.Category.text
	}
	if e.PartOf.text != "" {
		a.PartOf = e.PartOf.text
	}
	if e.Kind.text != "" {
		a.Kind, _ = parseKind(e.Kind.text) // checked before
	}
	a.Domains = appendTexts(a.Domains, e.Domains)
	a.Exact = appendTexts(a.Exact, e.Exact)
	a.Certificates = appendTexts(a.Certificates, e.Certificates)
	for _, network := range e.Networks {
		a.Networks = append(a.Networks, netip.MustParsePrefix(network.text)) // checked before
	}
}

// appendTexts never writes into the array that list shares with the embedded catalog.
func appendTexts(list []string, values []value) []string {
	list = slices.Clip(list)
	for _, v := range values {
		list = append(list, v.text)
	}
	return list
}

// release removes f's names and blocks from their current applications.
func (c *Catalog) release(f *file) {
	domains, exact, certificates := map[string]bool{}, map[string]bool{}, map[string]bool{}
	networks := map[netip.Prefix]bool{}
	collect := func(set map[string]bool, values []value) {
		for _, v := range values {
			set[v.text] = true
		}
	}
	for i := range f.Applications {
		e := &f.Applications[i]
		collect(domains, e.Domains)
		collect(exact, e.Exact)
		collect(certificates, e.Certificates)
		for _, network := range e.Networks {
			networks[netip.MustParsePrefix(network.text)] = true
		}
	}
	for i := range c.applications {
		app := &c.applications[i]
		app.Domains = without(app.Domains, domains)
		app.Exact = without(app.Exact, exact)
		app.Certificates = without(app.Certificates, certificates)
		app.Networks = without(app.Networks, networks)
	}
}

// without returns list without the members of set, as a new array if they differ.
func without[T comparable](list []T, set map[T]bool) []T {
	if !slices.ContainsFunc(list, func(item T) bool { return set[item] }) {
		return list
	}
	kept := make([]T, 0, len(list))
	for _, item := range list {
		if !set[item] {
			kept = append(kept, item)
		}
	}
	return kept
}
