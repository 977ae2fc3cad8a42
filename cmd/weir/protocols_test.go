// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/weirnet/weir/internal/dissect"
	"github.com/weirnet/weir/internal/dissect/protocols"
)

func TestProtocols(t *testing.T) {
	status, out, stderr := weir("protocols", "--output", "json")
	var all []dissect.Summary
	if err := json.Unmarshal([]byte(out), &all); err != nil || status != 0 || stderr != "" {
		t.Fatalf("status %d, %v, %q", status, err, stderr)
	}
	var slugs []string
	for _, s := range all {
		slugs = append(slugs, s.Slug)
		if s.Category == "" || s.Specification == "" || len(s.Transports) == 0 || s.Since == "" {
			t.Errorf("%+v lacks something", s)
		}
	}
	if want := dissect.NewTable(protocols.All()).Names(); !slices.Equal(slugs, want) {
		t.Errorf("got %q, want %q", slugs, want)
	}

	status, out, stderr = weir("protocols", "RFC 8446", "--output", "table")
	if status != 0 || stderr != "" || !strings.HasPrefix(out, "PROTOCOL ") || !strings.Contains(out, "\ntls ") ||
		!strings.Contains(out, " certificate_subject ") || strings.Contains(out, "\nssh ") {
		t.Errorf("status %d, %q, %q", status, out, stderr)
	}
	status, out, stderr = weir("protocols", "no-such-protocol")
	if want := "weir: no protocol has \"no-such-protocol\" in its name, category or specification\n"; status != 2 ||
		out != "" || stderr != want {
		t.Errorf("status %d, %q, %q", status, out, stderr)
	}
}
