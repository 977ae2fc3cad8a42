// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// slowSuffixes is the oracle for suffixSet: it compares every name.
type slowSuffixes struct {
	suffixes, exact map[string]int32
}

func (s slowSuffixes) find(name string) (int32, bool) {
	if len(name) > maxName {
		return 0, false
	}
	if value, ok := s.exact[name]; ok {
		return value, true
	}
	best, found, value := 0, false, int32(0)
	for suffix, v := range s.suffixes {
		if (name == suffix || strings.HasSuffix(name, "."+suffix)) && len(suffix) > best {
			best, found, value = len(suffix), true, v
		}
	}
	return value, found
}

// randomName returns a name over few letters, so that many share suffixes, with empty labels now and then.
func randomName(r *rand.Rand) string {
	labels := make([]string, 1+r.IntN(5))
	for i := range labels {
		labels[i] = strings.Repeat(string(rune('a'+r.IntN(3))), r.IntN(4))
	}
	return strings.Join(labels, ".")
}

func TestFindIsWhatASlowLoopFinds(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	slow := slowSuffixes{suffixes: map[string]int32{}, exact: map[string]int32{}}
	fast := newSuffixSet(400)
	for i := range int32(400) {
		name := randomName(r)
		if name == "" || strings.Contains("."+name+".", "..") {
			continue
		}
		if exact := r.IntN(4) == 0; exact {
			if _, ok := slow.exact[name]; !ok {
				slow.exact[name] = i
			}
			fast.add(name, i, true)
		} else {
			if _, ok := slow.suffixes[name]; !ok {
				slow.suffixes[name] = i
			}
			fast.add(name, i, false)
		}
	}
	hits := 0
	for range 20_000 {
		name := randomName(r)
		want, wantOK := slow.find(name)
		got, gotOK := fast.find([]byte(name))
		if got != want || gotOK != wantOK {
			t.Fatalf("find(%q) = %d, %v, want %d, %v", name, got, gotOK, want, wantOK)
		}
		if gotOK {
			hits++
		}
	}
	if hits < 1000 || hits > 19_000 {
		t.Errorf("%d of 20000 names hit: the test shows little", hits)
	}
}

func TestFindOnLabelBoundaries(t *testing.T) {
	s := newSuffixSet(4)
	s.add("example.com", 1, false)
	s.add("cdn.example.com", 2, false)
	s.add("only.example.net", 3, true)
	s.add("lan", 4, false)
	for _, test := range []struct {
		name string
		want int32
		ok   bool
	}{
		{"example.com", 1, true},
		{"www.example.com", 1, true},
		{"cdn.example.com", 2, true},
		{"a.b.cdn.example.com", 2, true},
		{"xcdn.example.com", 1, true},
		{"badexample.com", 0, false},
		{"only.example.net", 3, true},
		{"x.only.example.net", 0, false},
		{"printer.lan", 4, true},
		{"lan", 4, true},
		{".example.com", 1, true},
		{"example.com.", 0, false},
		{"com", 0, false},
		{"", 0, false},
		{".", 0, false},
		{"...", 0, false},
		{"EXAMPLE.com", 0, false},
		{"\x00.example.com", 1, true},
		{strings.Repeat("a.", 121) + "example.com", 1, true},
		{strings.Repeat("a.", 122) + "example.com", 0, false}, // 255 bytes
	} {
		if got, ok := s.find([]byte(test.name)); got != test.want || ok != test.ok {
			t.Errorf("find(%q) = %d, %v, want %d, %v", test.name, got, ok, test.want, test.ok)
		}
	}
}

func TestFindInNothing(t *testing.T) {
	s := newSuffixSet(0)
	if _, ok := s.find([]byte("www.example.com")); ok {
		t.Error("an empty set found something")
	}
}

// syntheticSuffixes returns n different suffixes of two or three labels, like registered domains.
func syntheticSuffixes(n int) []string {
	r := rand.New(rand.NewPCG(3, 4))
	names := make([]string, n)
	for i := range names {
		name := fmt.Sprintf("%x%d.%s", r.Uint32(), i, []string{"com", "net", "co.uk", "de", "io"}[r.IntN(5)])
		if r.IntN(5) == 0 {
			name = "cdn." + name
		}
		names[i] = name
	}
	return names
}

func BenchmarkByHost100k(b *testing.B) {
	suffixes := syntheticSuffixes(100_000)
	set := newSuffixSet(len(suffixes))
	for i, name := range suffixes {
		set.add(name, int32(i), false)
	}
	r := rand.New(rand.NewPCG(5, 6))
	hosts := map[string][][]byte{"hit": nil, "miss": nil}
	for range 1 << 14 {
		hosts["hit"] = append(hosts["hit"], []byte("www."+suffixes[r.IntN(len(suffixes))]))
		hosts["miss"] = append(hosts["miss"], fmt.Appendf(nil, "www.%x-%x.com", r.Uint32(), r.Uint32()))
	}
	hosts["longest"] = [][]byte{[]byte(strings.Repeat("a.", 126) + "a")}
	for _, name := range []string{"hit", "miss", "longest"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			list := hosts[name]
			i := 0
			for b.Loop() {
				set.find(list[i&(len(list)-1)])
				i++
			}
		})
	}
}
