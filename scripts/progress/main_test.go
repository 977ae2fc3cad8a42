// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
	"time"
)

func TestProgress(t *testing.T) {
	const (
		start = `{"Action":"start","Package":"a"}`
		said  = `{"Action":"output","Package":"a","Test":"TestX","Output":"why it failed\n"}`
		test  = `{"Action":"fail","Package":"a","Test":"TestX","Elapsed":1}`
		pass  = `{"Action":"pass","Package":"a","Elapsed":1.25}`
		fail  = `{"Action":"fail","Package":"a","Elapsed":2}`
	)
	for _, c := range []struct {
		name  string
		lines []string
		well  bool
		says  string
	}{
		{"passed", []string{start, said, pass}, true, "ok    a  1.2 s\n1 packages in 40s\n"},
		{"failed", []string{start, said, test, fail}, false,
			"why it failed\nFAIL  a  2.0 s\n1 packages in 40s; FAILED: a\n"},
		{"broke off", []string{start, said}, false, "0 packages in 40s; FAILED: a\n"},
		{"doesn't build", []string{`{"ImportPath":"a","Action":"build-output","Output":"a.go:1\n"}`,
			`{"ImportPath":"a","Action":"build-fail"}`}, false, "a.go:1\n0 packages in 40s\n"},
		{"nothing", nil, false, "0 packages in 40s\n"},
		{"of the go command", []string{"go: no such package", start, pass}, true,
			"go: no such package\nok    a  1.2 s\n1 packages in 40s\n"},
		{"without tests", []string{start, `{"Action":"skip","Package":"a"}`, `{"Action":"start","Package":"b"}`,
			strings.ReplaceAll(pass, `"a"`, `"b"`)}, true, "ok    b  1.2 s\n1 packages in 40s\n"},
	} {
		var out strings.Builder
		began := time.Unix(1000, 0)
		p := progress{out: &out, began: began, running: map[string]time.Time{}, said: map[string][]byte{}}
		for _, l := range c.lines {
			p.line([]byte(l+"\n"), began)
		}
		well := p.end(began.Add(40 * time.Second))
		if well != c.well || out.String() != c.says {
			t.Errorf("%s: %v, %q; want %v, %q", c.name, well, out.String(), c.well, c.says)
		}
	}
}

// TestStill: while no package ends, the running ones are named.
func TestStill(t *testing.T) {
	var out strings.Builder
	began := time.Unix(1000, 0)
	p := progress{out: &out, began: began, last: began, running: map[string]time.Time{}, said: map[string][]byte{}}
	p.line([]byte(`{"Action":"start","Package":"slow"}`), began)
	p.still(began.Add(stillEvery / 2))
	if out.Len() > 0 {
		t.Errorf("too early: %s", out.String())
	}
	p.still(began.Add(2 * stillEvery))
	if want := "      0 packages done; running: slow (60 s)\n"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}
