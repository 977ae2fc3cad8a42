// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"fmt"
	"net/netip"
	"strings"
)

// The compact form is text: one record per line, sorted by id, tabs between fields:
//
//	c  id  name  meaning
//	a  id  name  category  kind  part-of  domains  exact  certificates  networks
//
// Spaces divide the items of a list, but '|' divides certificates, because organisations have spaces in their names.
// Parsing copies nothing: every string is a part of the whole text.
const (
	categoryFields    = 4
	applicationFields = 10
)

func (c *Catalog) compact() string {
	var b strings.Builder
	for _, cat := range c.categories {
		fmt.Fprintf(&b, "c\t%s\t%s\t%s\n", cat.ID, cat.Name, cat.Meaning)
	}
	for _, app := range c.applications {
		networks := make([]string, len(app.Networks))
		for i, prefix := range app.Networks {
			networks[i] = prefix.String()
		}
		fmt.Fprintf(&b, "a\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", app.ID, app.Name, app.Category, app.Kind, app.PartOf,
			strings.Join(app.Domains, " "), strings.Join(app.Exact, " "),
			strings.Join(app.Certificates, "|"), strings.Join(networks, " "))
	}
	return b.String()
}

func parseCompact(text string) (*Catalog, error) {
	c := &Catalog{applications: make([]Application, 0, strings.Count(text, "\na\t"))}
	for number := 1; text != ""; number++ {
		var line string
		line, text, _ = strings.Cut(text, "\n")
		if err := c.parseCompactLine(line); err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
	}
	return c, nil
}

func (c *Catalog) parseCompactLine(line string) error {
	var fields [applicationFields]string
	n := 0
	for more := true; more; n++ {
		if n == len(fields) {
			return fmt.Errorf("more than %d fields", len(fields))
		}
		fields[n], line, more = strings.Cut(line, "\t")
	}
	switch {
	case fields[0] == "c" && n == categoryFields:
		c.categories = append(c.categories, Category{ID: fields[1], Name: fields[2], Meaning: fields[3]})
		return nil
	case fields[0] == "a" && n == applicationFields:
		return c.addCompactApplication(&fields)
	}
	return fmt.Errorf("record %q of %d fields", fields[0], n)
}

func (c *Catalog) addCompactApplication(fields *[applicationFields]string) error {
	kind, err := parseKind(fields[4])
	if err != nil {
		return err
	}
	app := Application{
		ID: fields[1], Name: fields[2], Category: fields[3], Kind: kind, PartOf: fields[5],
		Domains:      splitList(fields[6], " "),
		Exact:        splitList(fields[7], " "),
		Certificates: splitList(fields[8], "|"),
	}
	for _, text := range splitList(fields[9], " ") {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return err
		}
		app.Networks = append(app.Networks, prefix)
	}
	c.applications = append(c.applications, app)
	return nil
}

func splitList(s, separator string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, separator)
}
