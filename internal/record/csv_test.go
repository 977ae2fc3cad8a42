// SPDX-License-Identifier: Apache-2.0

package record

import (
	"encoding/csv"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestCSVNames(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"plain", "eth0", "eth0"},
		{"comma and quotes", `a,"b"`, `a,"b"`},
		{"accents", "Büro", "Büro"},
		{"not UTF-8", "eth\xff\xc3", `eth\xff\xc3`},
		{"reading direction", "a\u202eb", `a\xe2\x80\xaeb`},
		{"line separators", "a\u2028b\u0085c\r\nd", `a\xe2\x80\xa8b\xc2\x85c\x0d\x0ad`},
		{"replacement character", "a\ufffdb", `a\xef\xbf\xbdb`},
		{"NUL, tab, delete", "\x00\t\x7f", `\x00\x09\x7f`},
		{"formula", "=1+1", "'=1+1"},
		{"formula after a tab", "\t=1", `\x09=1`},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := Flow{Interface: c.in, Hostname: []byte(c.in)}
			line := string(f.AppendCSV(nil))
			if !utf8.ValidString(line) || strings.ContainsAny(line, "\r\n\u2028\u202e") {
				t.Errorf("can't be read safely: %q", line)
			}
			rows, err := csv.NewReader(strings.NewReader(CSVHeader + "\n" + line)).ReadAll()
			if err != nil || len(rows) != 2 {
				t.Fatalf("%d rows, %v: %q", len(rows), err, line)
			}
			for i, column := range rows[0] {
				if got := rows[1][i]; (column == "interface" || column == "hostname") && got != c.want {
					t.Errorf("%s is %q, want %q", column, got, c.want)
				}
			}
		})
	}
	f := Flow{Interface: "a\u202eb,\xff", Hostname: []byte("www.example.com")}
	b := make([]byte, 0, 4096)
	if n := testing.AllocsPerRun(100, func() { f.AppendCSV(b) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
