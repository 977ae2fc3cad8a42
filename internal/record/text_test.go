// SPDX-License-Identifier: Apache-2.0

package record

import "testing"

func TestText(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"plain", "Example", `"Example"`},
		{"line feed and NUL", "a\nb\x00", `"a\\x0ab\\x00"`},
		{"escape", "\x1b[31m", `"\\x1b[31m"`},
		{"quotes", `a"b\c`, `"a\"b\\c"`},
		{"right-to-left override", "a\u202eb", `"a\\xe2\\x80\\xaeb"`},
		{"line separator", "a\u2028b", `"a\\xe2\\x80\\xa8b"`},
		{"letters", "grün", `"grün"`},
		{"broken UTF-8", "a\xffb", `"a\\xffb"`},
		{"final dot", "example.com.", `"example.com."`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := string(AppendText(nil, []byte(c.in))); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}
