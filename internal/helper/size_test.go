// SPDX-License-Identifier: Apache-2.0

package helper

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestSmall is check E3: the privileged code is small, and links nothing that reads packets or names flows.
func TestSmall(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	lines := 0
	for _, f := range files {
		if strings.HasSuffix(f, "_test.go") {
			continue
		}
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		lines += bytes.Count(text, []byte("\n"))
	}
	if lines < 100 || lines > 930 {
		t.Errorf("%d lines of Go, 930 are the most", lines)
	}

	// All of weir's own; the standard library and x/sys do not count.
	out, err := exec.Command("go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"github.com/weirnet/weir/internal/helper",
		"github.com/weirnet/weir/internal/sandbox",
		"golang.org/x/sys/unix",
	}
	have := strings.Fields(string(out))
	slices.Sort(have)
	if !slices.Equal(have, want) {
		t.Errorf("helper depends on %q, want %q", have, want)
	}
}
