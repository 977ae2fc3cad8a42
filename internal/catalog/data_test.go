// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gen "github.com/weirnet/weir/gen/catalog"
)

var update = flag.Bool("update", false, "write gen/catalog from data/*.yaml")

const (
	dataFiles     = "data/*.yaml"
	generatedFile = "../../gen/catalog/catalog.txt"
	minimum       = 2000 // applications the catalog's promised size
)

// fromData compiles data/*.yaml, the catalog's source, and fails on every fault in every file.
func fromData(t *testing.T) *Catalog {
	t.Helper()
	paths, err := filepath.Glob(dataFiles)
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s: %v, %d files", dataFiles, err, len(paths))
	}
	// Categories first: the others refer to them.
	slices.SortFunc(paths, func(a, b string) int {
		if (a == "data/categories.yaml") != (b == "data/categories.yaml") {
			if a == "data/categories.yaml" {
				return -1
			}
			return 1
		}
		return strings.Compare(a, b)
	})
	c := &Catalog{}
	checks := newChecker(c)
	for _, path := range paths {
		r, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		f, problems := decodeFile(r, path)
		r.Close()
		if f != nil {
			problems = append(problems, checks.check(f, path)...)
		}
		for _, p := range problems {
			t.Error(p)
		}
		if problems == nil {
			c.merge(f)
		}
	}
	if t.Failed() {
		t.FailNow()
	}
	c.sort()
	return c
}

func TestGeneratedFormIsCurrent(t *testing.T) {
	want := fromData(t).compact()
	if *update {
		if err := os.WriteFile(generatedFile, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if gen.Text != want {
		t.Fatal("gen/catalog/catalog.txt does not match data/*.yaml: run go generate ./internal/catalog")
	}
}

func TestDataHeads(t *testing.T) {
	paths, _ := filepath.Glob(dataFiles)
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		head, _, _ := strings.Cut(string(text), "\n\n")
		if !strings.HasPrefix(head, "# ") || !strings.Contains(head, "20") {
			t.Errorf("%s does not begin with a comment on its author, date and sources", path)
		}
	}
}

func TestDataIsWholeAndLarge(t *testing.T) {
	c, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	var domains, certificates, networks int
	used := map[string]int{}
	for _, app := range c.Applications() {
		used[app.Category]++
		domains += len(app.Domains) + len(app.Exact)
		certificates += len(app.Certificates)
		networks += len(app.Networks)
		if len(app.Domains)+len(app.Exact)+len(app.Certificates)+len(app.Networks) == 0 {
			t.Errorf("%s has no host name, certificate name or block", app.ID)
		}
		if app.Name == app.ID && strings.ToLower(app.Name) != app.Name {
			t.Errorf("%s has no name", app.ID)
		}
	}
	for _, cat := range c.Categories() {
		if used[cat.ID] == 0 {
			t.Errorf("category %s has no application", cat.ID)
		}
	}
	t.Logf("%d applications, %d categories, %d host names, %d certificate names, %d networks, %d bytes embedded",
		len(c.Applications()), len(c.Categories()), domains, certificates, networks, len(gen.Text))
	if len(c.Applications()) < minimum {
		t.Errorf("%d applications, want at least %d", len(c.Applications()), minimum)
	}
}

func TestNoNameIsRedundant(t *testing.T) {
	c := builtin(t)
	for _, app := range c.Applications() {
		for _, name := range slices.Concat(app.Domains, app.Exact) {
			_, parent, _ := strings.Cut(name, ".")
			i, ok := c.hosts.find([]byte(parent))
			if ok && !slices.Contains(app.Exact, parent) && c.applications[i].ID == app.ID {
				t.Errorf("%s: %s adds nothing to %s", app.ID, name, parent)
			}
		}
	}
}

// TestPartOf: part_of names an application that reports itself.
func TestPartOf(t *testing.T) {
	c, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	parts := 0
	for _, a := range c.Applications() {
		if a.PartOf == "" {
			continue
		}
		parts++
		if whole, ok := c.Lookup(a.PartOf); !ok || whole.PartOf != "" {
			t.Errorf("%s is part of %q, which is no application of its own", a.ID, a.PartOf)
		}
	}
	if parts == 0 {
		t.Error("no entry is part of another")
	}
}
