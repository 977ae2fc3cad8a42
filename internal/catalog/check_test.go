// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"os"
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	const head = "applications:\n  - id: x\n    category: web\n"
	for _, test := range []struct {
		situation, text string
		line            int
		want            string // part of the problem's text, "" for none
	}{
		{"well-formed", head + "    domains: [a.example]\n    networks: [192.0.2.0/24, 2001:db8::/32]\n", 0, ""},
		{"nothing but comments", "# nothing\n", 0, ""},
		{"empty", "", 0, ""},
		{"known id without category", "applications:\n  - id: netflix\n    domains: [a.example]\n", 0, ""},
		{"overrides what the catalog has", head + "    domains: [netflix.com]\n", 0, ""},
		{"unknown category", "applications:\n  - id: x\n    category: nonsense\n", 3, `category "nonsense" is unknown`},
		{"no category", "applications:\n  - id: x\n    domains: [a.example]\n", 2, "has no category"},
		{"no id", "applications:\n  - category: web\n", 0, "is not a slug"},
		{"id in upper case", "applications:\n  - id: Netflix\n    category: web\n", 2, "is not a slug"},
		{"id twice", head + "  - id: x\n    category: web\n", 4, `application "x" is already used at own.yaml:2`},
		{"domain twice in one application", head + "    domains: [a.example,\n      a.example]\n", 5,
			`domain "a.example" is already used`},
		{"domain twice in two applications", head + "    domains: [a.example]\n  - id: y\n    category: web\n    " +
			"domains: [a.example]\n", 7, "is already used at own.yaml:4"},
		{"public suffix", head + "    domains: [co.uk]\n", 4, "is a public suffix"},
		{"upper case", head + "    domains: [A.example]\n", 4, "write lower case"},
		{"wildcard", head + "    domains: ['*.example.com']\n", 4, "no wildcard"},
		{"final dot", head + "    domains: [example.com.]\n", 4, "a label that is empty"},
		{"empty domain", head + "    domains: ['']\n", 4, "a label that is empty"},
		{"label too long", head + "    domains: [" + strings.Repeat("a", 64) + ".example]\n", 4, "longer than 63"},
		{"name too long", head + "    domains: [" + strings.Repeat("a.", 130) + "example]\n", 4, "longer than 253"},
		{"not an address block", head + "    networks: [192.0.2.1]\n", 4, "is not an address block"},
		{"bits beyond the length", head + "    networks: [192.0.2.1/24]\n", 4, "write 192.0.2.0/24"},
		{"everything", head + "    networks: [0.0.0.0/0]\n", 4, "covers all addresses"},
		{"IPv4 in IPv6", head + "    networks: ['::ffff:192.0.2.0/120']\n", 4, "IPv4-mapped"},
		{"same block twice", head + "    networks: [192.0.2.0/24]\n  - id: y\n    category: web\n    networks: " +
			"[192.0.2.0/24]\n", 7, "is already used"},
		{"smaller block of another application", head + "    networks: [192.0.2.0/24]\n  - id: y\n    category: web\n" +
			"    networks: [192.0.2.0/25]\n", 7, "overlaps 192.0.2.0/24"},
		{"larger block of another application", head + "    networks: [192.0.2.0/25]\n  - id: y\n    category: web\n " +
			"   networks: [192.0.2.0/24]\n", 7, "overlaps 192.0.2.0/25"},
		{"said to lie within", head + "    networks: [192.0.2.0/24]\n  - id: y\n    category: web\n    within: x\n   " +
			" networks: [192.0.2.0/25]\n", 0, ""},
		{"within a cloud", head + "    kind: cloud\n    networks: [192.0.2.0/24]\n  - id: y\n    category: web\n    " +
			"networks: [192.0.2.0/25]\n", 0, ""},
		{"unknown kind", head + "    kind: planet\n", 4, "neither cloud nor cdn"},
		{"certificate in upper case", head + "    certificates: [Example]\n", 4, "not lower-case text"},
		{"unknown key", head + "    domain: a.example\n", 4, "field domain not found"},
		{"key twice", head + "    category: web\n", 4, "already defined"},
		{"list where a value is due", "applications:\n  - id: [x]\n", 2, "want a single value"},
		{"broken YAML", "applications: [\n", 0, ""},
		{"second document", head + "---\napplications: []\n", 0, "second YAML document"},
		{"category without meaning", "categories:\n  - {id: factory, name: Factory}\n", 2,
			"needs a name and a meaning"},
	} {
		problems := Check(strings.NewReader(test.text), "own.yaml")
		if test.situation == "broken YAML" {
			if len(problems) == 0 {
				t.Error("broken YAML: no problem")
			}
			continue
		}
		if test.want == "" {
			if len(problems) != 0 {
				t.Errorf("%s: %v", test.situation, problems)
			}
			continue
		}
		found := false
		for _, p := range problems {
			found = found || p.File == "own.yaml" && p.Line == test.line && strings.Contains(p.Text, test.want)
		}
		if !found {
			t.Errorf("%s: %v, want line %d: %q", test.situation, problems, test.line, test.want)
		}
	}
}

// Every truncation of a data file is faulty, smaller, or empty; none panics.
func TestCheckTruncations(t *testing.T) {
	text, err := os.ReadFile("data/meta.yaml")
	if err != nil {
		t.Fatal(err)
	}
	text = text[:min(len(text), 1500)]
	for n := range text {
		Check(strings.NewReader(string(text[:n])), "cut.yaml")
	}
}

func FuzzCheck(f *testing.F) {
	f.Add("applications:\n  - id: x\n    category: web\n    domains: [a.example]\n    networks: [192.0.2.0/24]\n")
	f.Add("categories:\n  - {id: a, name: b, meaning: c}\napplications: *a\n")
	f.Add("a: &a [*a]\n")
	f.Add("applications:\n  - &x {id: x, category: web, exact: [b.example], certificates: [z]}\n  - *x\n")
	f.Add("\x00\xff: [")
	f.Fuzz(func(t *testing.T, text string) {
		problems := Check(strings.NewReader(text), "fuzz.yaml")
		if problems != nil {
			return
		}
		// merge handles every file that Check accepts.
		file, decodeProblems := decodeFile(strings.NewReader(text), "fuzz.yaml")
		if decodeProblems != nil {
			t.Fatalf("Check accepts a file that decodeFile refuses: %v", decodeProblems)
		}
		c := &Catalog{}
		c.merge(file)
		c.sort()
		again, err := parseCompact(c.compact())
		if err != nil {
			t.Fatalf("the compact form of an accepted file: %v", err)
		}
		again.index()
	})
}
