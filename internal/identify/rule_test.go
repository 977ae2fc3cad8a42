// SPDX-License-Identifier: Apache-2.0

package identify

import (
	"strings"
	"testing"
)

var tables = map[Source][]rule{
	DHCPFingerprint: dhcpFingerprints, DHCPClass: dhcpClasses, DHCPv6Class: dhcpClasses, UserAgent: userAgents,
	MDNSService: mdnsServices,
	SSDP:        ssdpTexts, HostName: hostNames, Vendor: vendors, OpenService: openServices,
}

// TestTables: every rule is well formed, has known values, and matches a text before any earlier rule does.
func TestTables(t *testing.T) {
	for source, table := range tables {
		for _, r := range table {
			checkRule(t, source, r)
			if got := find(Evidence{source, example(r.pattern)}); got != r {
				t.Errorf("%s %q: %q comes before it", source, r.pattern, got.pattern)
			}
		}
	}
}

func checkRule(t *testing.T, source Source, r rule) {
	t.Helper()
	_, isSystem := systems[r.os]
	_, isKind := kinds[r.kind]
	if r.os != "" && !isSystem || r.kind != "" && !isKind || r.os == "" && r.kind == "" {
		t.Errorf("%s %+v: unknown value", source, r)
	}
	if (r.os == "") != (r.osWeight == 0) || (r.kind == "") != (r.kindWeight == 0) ||
		max(r.osWeight, r.kindWeight) > 90 || min(r.osWeight, r.kindWeight) < 0 {
		t.Errorf("%s %+v: weight", source, r)
	}
	if strings.ToLower(r.pattern) != r.pattern || strings.Trim(r.pattern, "*") == "" {
		t.Errorf("%s %+v: pattern", source, r)
	}
	if parts := strings.Split(r.pattern, "*"); len(parts) > 2 &&
		strings.ContainsAny(strings.Join(parts[1:len(parts)-1], ""), "#@") {
		t.Errorf("%s %+v: @ and # work only before the first and after the last *", source, r)
	}
}

// example returns a text that matches a pattern.
func example(pattern string) string {
	return strings.NewReplacer("#", "0", "@", "7", "*", "-").Replace(pattern)
}

// TestTruncations: no value of a table, cut anywhere or with other bytes around it or in its place, violates the
// invariants.
func TestTruncations(t *testing.T) {
	for source, table := range tables {
		for _, r := range table {
			text := strings.ToUpper(example(r.pattern))
			for n := range len(text) + 1 {
				check(t, pieces{{source, text[:n]}})
				check(t, pieces{{source, text[n:]}})
				check(t, pieces{{source, text[:n] + "\xff\x00" + text[n:]}, {source, text}})
			}
		}
	}
}

// TestGenerations: no value is its own special case, and the way up is no longer than maxGenerations.
func TestGenerations(t *testing.T) {
	for _, general := range []map[string]string{systems, kinds} {
		for value := range general {
			up, steps := value, 0
			for ; general[up] != "" && steps <= maxGenerations; steps++ {
				up = general[up]
				if _, ok := general[up]; !ok || !isSpecial(value, up, general) || isSpecial(up, value, general) {
					t.Errorf("%s, %s", value, up)
				}
			}
			if steps > maxGenerations || isSpecial(value, value, general) {
				t.Errorf("%s: %d steps", value, steps)
			}
		}
	}
}

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{"abc", "abc", true}, {"abc", "abcd", false}, {"abc", "ab", false}, {"abc", "", false},
		{"abc*", "abc", true}, {"abc*", "abcd", true}, {"abc*", "xabc", false},
		{"*abc", "xxabc", true}, {"*abc", "abcx", false}, {"*abc", "ab", false}, {"*aab", "aaab", true},
		{"*abc*", "xabcx", true}, {"*abc*", "xabx", false},
		{"ab*cd", "abcd", true}, {"ab*bc", "abc", false}, // no byte is used twice
		{"a*b*c*d", "a1b2c3d", true}, {"a*b*c*d", "a1c2b3d", false}, {"*a*a*", "xa", false}, {"*a*a*", "aa", true},
		{"x##", "x0f", true}, {"x##", "x0g", false}, {"x##", "x0", false}, {"x@@", "xz9", true}, {"x@@", "x-9", false},
		{"*-@", "a-b", true}, {"*-@", "a-", false}, {"#*#", "0", false}, {"#*#", "0f", true}, {"@", "é", false},
		{"@", "\xff", false},
	} {
		if got := match(c.pattern, c.text); got != c.want {
			t.Errorf("%q in %q: %v", c.pattern, c.text, got)
		}
	}
}
