// SPDX-License-Identifier: Apache-2.0

// Package exporttest is the kit for tests of outputs.
package exporttest

import (
	"strings"
	"testing"

	"github.com/weirnet/weir/internal/export"
)

// Open opens the output of a URL; files are Environment.Files. The test's end closes it.
func Open(t testing.TB, kind *export.Kind, url string, files map[string][]byte) export.Output {
	t.Helper()
	p, err := export.NewPlan([]*export.Kind{kind}, []string{url})
	if err != nil {
		t.Fatal(err)
	}
	o, err := p.Targets[0].Made.Open(&export.Environment{Files: files})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = o.Close() })
	return o
}

// Refuses checks that URLs are wrong, each with an error that has a text.
func Refuses(t testing.TB, kind *export.Kind, texts map[string]string) {
	t.Helper()
	for url, lacks := range texts {
		_, err := export.NewPlan([]*export.Kind{kind}, []string{url})
		if err == nil || !strings.Contains(err.Error(), lacks) {
			t.Errorf("%s: error %v, which lacks %q", url, err, lacks)
		}
	}
}
