// SPDX-License-Identifier: Apache-2.0

package main

import "testing"

func TestBreakLine(t *testing.T) {
	for _, c := range []struct {
		line  string
		width int
		want  string
	}{
		{"", 10, ""},
		{"one two", 10, "one two"},
		{"one two three four", 10, "one two\n  three\n  four"},
		{"  - eins zwei drei", 12, "  - eins\n    zwei\n    drei"},
		{"größer als", 10, "größer als"}, // characters, not bytes
		{"192.0.2.1:443 is longer", 5, "192.0.2.1:443\n  is\n  longer"},
	} {
		if got := breakLine(c.line, c.width); got != c.want {
			t.Errorf("%q at %d: %q, want %q", c.line, c.width, got, c.want)
		}
	}
}
