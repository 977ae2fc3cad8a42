// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/weirnet/weir/internal/dissect"
)

// fileOf returns the name of a slug's file, without its ending: the slug without hyphens.
func fileOf(slug string) string { return strings.ReplaceAll(slug, "-", "") }

// source holds the declarations of the package's files.
type source struct {
	entries map[string]string // variables of type *dissect.Protocol, with their slugs
	files   map[string]string // the file of each, without ".go"
	listed  []string          // the variables of all
	fuzzed  map[string]string // slugs that a fuzz target names first, with their test files
}

func readSource(t *testing.T) *source {
	t.Helper()
	s := &source{map[string]string{}, map[string]string{}, nil, map[string]string{}}
	names, err := fs.Glob(os.DirFS("."), "*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			switch d := d.(type) {
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					if v, ok := spec.(*ast.ValueSpec); ok && d.Tok == token.VAR &&
						!strings.HasSuffix(name, "_test.go") {
						s.readVariable(t, strings.TrimSuffix(name, ".go"), v)
					}
				}
			case *ast.FuncDecl:
				if strings.HasPrefix(d.Name.Name, "Fuzz") {
					for _, slug := range slugsIn(d.Body) {
						s.fuzzed[slug] = strings.TrimSuffix(name, "_test.go")
					}
				}
			}
		}
	}
	return s
}

func (s *source) readVariable(t *testing.T, file string, v *ast.ValueSpec) {
	t.Helper()
	for i, name := range v.Names {
		switch {
		case name.Name == "all":
			for _, e := range v.Values[i].(*ast.CompositeLit).Elts {
				s.listed = append(s.listed, e.(*ast.Ident).Name)
			}
		case strings.HasSuffix(name.Name, "Protocol"):
			slugs := slugsIn(v.Values[i])
			if len(slugs) == 0 {
				t.Errorf("%s.go: %s has no slug", file, name.Name)
				continue
			}
			s.entries[name.Name], s.files[name.Name] = slugs[0], file
		}
	}
}

// slugsIn returns the texts in a piece of source that are slugs of the table.
func slugsIn(n ast.Node) []string {
	var slugs []string
	ast.Inspect(n, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if text, err := strconv.Unquote(lit.Value); err == nil && testTable.ID(text) != 0 {
				slugs = append(slugs, text)
			}
		}
		return true
	})
	return slugs
}

// TestOneSlugAFile: an entry is in its slug's file, and its fuzz target in the test file; every slug has a file.
func TestOneSlugAFile(t *testing.T) {
	s := readSource(t)
	for name, slug := range s.entries {
		if s.files[name] != fileOf(slug) {
			t.Errorf("%s is in %s.go, want %s.go", name, s.files[name], fileOf(slug))
		}
		if s.fuzzed[slug] != fileOf(slug) {
			t.Errorf("%s is fuzzed in %q, want %s_test.go", slug, s.fuzzed[slug], fileOf(slug))
		}
	}
	for _, slug := range testTable.Names() {
		if _, err := os.Stat(fileOf(slug) + ".go"); err != nil {
			t.Errorf("%s: %v", slug, err)
		}
	}
}

// TestAllIsComplete: All returns every entry of the package once, sorted by slug.
func TestAllIsComplete(t *testing.T) {
	s := readSource(t)
	for name := range s.entries {
		if !slices.Contains(s.listed, name) {
			t.Errorf("%s is not in all", name)
		}
	}
	if len(s.listed) != len(s.entries) || len(All()) != len(s.entries) {
		t.Errorf("%d listed, %d given, want %d", len(s.listed), len(All()), len(s.entries))
	}
	if !slices.IsSortedFunc(All(), func(a, b *dissect.Protocol) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("all is not sorted by slug")
	}
	list := All()
	list[0] = nil
	if All()[0] == nil {
		t.Error("callers can change All's result")
	}
}
