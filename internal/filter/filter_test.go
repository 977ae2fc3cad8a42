// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

// testCase is a filter with its canonical form, or with the position of its mistake. The page's parser runs the same
// file.
type testCase struct {
	In    string
	Out   string
	Error *int
}

func cases(t testing.TB) []testCase {
	text, err := os.ReadFile("testdata/cases.json")
	if err != nil {
		t.Fatal(err)
	}
	var list []testCase
	if err := json.Unmarshal(text, &list); err != nil {
		t.Fatal(err)
	}
	if len(list) < 150 {
		t.Fatalf("%d cases", len(list))
	}
	return list
}

func TestParse(t *testing.T) {
	for _, c := range cases(t) {
		check(t, c)
	}
}

func check(t *testing.T, c testCase) {
	e, err := Parse(c.In)
	var mistake *Error
	switch {
	case c.Error == nil && err != nil:
		t.Errorf("%q: %v", c.In, err)
	case c.Error == nil && String(e) != c.Out:
		t.Errorf("%q: %q, want %q", c.In, String(e), c.Out)
	case c.Error != nil && err == nil:
		t.Errorf("%q: %q, want an error at %d", c.In, String(e), *c.Error)
	case c.Error != nil && (!errors.As(err, &mistake) || mistake.Position != *c.Error):
		t.Errorf("%q: %v, want an error at %d", c.In, err, *c.Error)
	}
}

func TestEveryCaseRoundTrips(t *testing.T) {
	for _, c := range cases(t) {
		if c.Error == nil {
			checkRoundTrip(t, c.In)
		}
	}
}

func checkRoundTrip(t *testing.T, in string) {
	e, err := Parse(in)
	if err != nil {
		return
	}
	again, err := Parse(String(e))
	if err != nil || !reflect.DeepEqual(e, again) {
		t.Errorf("%q: %#v, its canonical form %q is %#v, %v", in, e, String(e), again, err)
	}
}

func TestTree(t *testing.T) {
	got, err := Parse(`app:a (youtube OR NOT port>80) host!=*.example.org ip:10.0.0.0/8`)
	want := And{
		Compare{Application, Equal, "a"},
		Or{
			Compare{Application, Equal, "youtube"}, Compare{Host, Under, "youtube"}, Compare{Device, Equal, "@youtube"},
			Not{Compare{Port, Greater, "80"}},
		},
		Not{Compare{Host, Under, "example.org"}},
		Compare{Address, Under, "10.0.0.0/8"},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%#v, %v", got, err)
	}
	if e, err := Parse(" "); e != nil || err != nil {
		t.Errorf("%#v, %v", e, err)
	}
}

// TestErrorsHelp: an error says what is wrong and what is expected.
func TestErrorsHelp(t *testing.T) {
	for in, want := range map[string]string{
		"aap:x":          "filter, character 1: there is no field aap, perhaps app; fields are app, proto, category,",
		"DIRECTON:x":     "perhaps direction",
		"applicaton:x":   "perhaps app",
		"zzzzzzzz:x":     "there is no field zzzzzzzz; fields",
		"port:https":     "character 6: port expects a number from 0 to 65535",
		"app:":           "a value is expected after app:: a name of a-z",
		"app>x":          "are for port, bytes, retransmits, out_of_order, resets, zero_windows, rtt",
		"retransmit>0":   "perhaps retransmits",
		"rtt>100":        "rtt expects a time with its unit, us, ms or s, such as 100ms",
		"net:10.0.0.0/8": "ip takes any network",
		"a AND":          "character 6: the filter ends where a term is expected",
		"(a":             "this ( has no )",
		"a )":            "this ) has no (",
		"direction:up":   "outbound, inbound,",
	} {
		if _, err := Parse(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", in, err, want)
		}
	}
}

func TestEveryFieldIsComplete(t *testing.T) {
	for _, f := range Fields() {
		if got, ok := FieldOf(strings.ToUpper(string(f))); got != f || !ok {
			t.Errorf("%s: %s, %v", f, got, ok)
		}
		if expected(f) == "" {
			t.Errorf("%s: nothing is expected", f)
		}
	}
}

// TestTruncations: every beginning of every case is a filter or a mistake within it.
func TestTruncations(t *testing.T) {
	for _, c := range cases(t) {
		for n := range len(c.In) {
			checkParse(t, c.In[:n])
		}
	}
}

func checkParse(t *testing.T, in string) {
	e, err := Parse(in)
	if err == nil {
		if depth(e) > 2*MaxDepth+2 || terms(e) > MaxTerms || len(String(e)) > MaxLength {
			t.Errorf("%q: %d deep, %d terms", in, depth(e), terms(e))
		}
		checkRoundTrip(t, in)
		return
	}
	var mistake *Error
	if !errors.As(err, &mistake) || mistake.Message == "" || mistake.Position < 0 ||
		mistake.Position > utf8.RuneCountInString(in) || e != nil {
		t.Errorf("%q: %#v, %v", in, e, err)
	}
}

func depth(e Expr) int {
	deepest := 0
	for _, inner := range parts(e) {
		deepest = max(deepest, depth(inner))
	}
	return deepest + 1
}

func terms(e Expr) int {
	if _, ok := e.(Compare); ok {
		return 1
	}
	n := 0
	for _, inner := range parts(e) {
		n += terms(inner)
	}
	return n
}

func parts(e Expr) []Expr {
	switch e := e.(type) {
	case And:
		return e
	case Or:
		return e
	case Not:
		return []Expr{e.Term}
	}
	return nil
}

func FuzzParse(f *testing.F) {
	for _, c := range cases(f) {
		f.Add(c.In)
	}
	f.Add("a\xff")
	f.Fuzz(func(t *testing.T, in string) { checkParse(t, in) })
}
