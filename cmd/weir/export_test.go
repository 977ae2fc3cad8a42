// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weirnet/weir/internal/export"
	"github.com/weirnet/weir/internal/export/kafka"
	"github.com/weirnet/weir/internal/export/outputs"
)

// TestOutputs: weir config check, and weir run before it begins, check the URLs of outputs.
func TestOutputs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "weir.yaml")
	check := func(to string) (int, string) {
		t.Helper()
		if err := os.WriteFile(path, []byte("export:\n  to: ["+to+"]\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		status, out, _ := weir("config", "check", path)
		return status, out
	}
	status, out := check(`"file:///var/log/weir/f?keep=5&where=app:netflix", "eve:///var/log/weir/eve.json"`)
	if status != 0 {
		t.Errorf("status %d\n%s", status, out)
	}
	if status, out := check(`"file:///var/log/weir/f?kep=5", "efe:///x/y"`); status != 1 ||
		!strings.Contains(out, `no parameter "kep"`) || !strings.Contains(out, "must begin with file://") ||
		!strings.Contains(out, path) {
		t.Errorf("status %d\n%s", status, out)
	}
	status, _, stderr := weir("run", "--to", "file:///x")
	if status != 2 || !strings.Contains(stderr, "needs a folder") {
		t.Errorf("status %d\n%s", status, stderr)
	}
	if status, _, stderr := weir("export", "first"); status != 2 || !strings.Contains(stderr, "weir run starts") {
		t.Errorf("status %d\n%s", status, stderr)
	}
}

// TestOutputExamples: each kind's example is right, and in docs/OUTPUTS.md.
func TestOutputExamples(t *testing.T) {
	text, err := os.ReadFile("../../docs/OUTPUTS.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range outputs.Kinds() {
		_, err := export.NewPlan(outputs.Kinds(), []string{k.Example})
		if isLeftOut := k == kafka.Kind && !kafka.IsBuiltIn; (err != nil) != isLeftOut {
			t.Errorf("%s: %v", k.Example, err)
		}
		if !strings.Contains(string(text), k.Example) {
			t.Errorf("docs/OUTPUTS.md lacks %s", k.Example)
		}
		for _, s := range k.Schemes {
			if !strings.Contains(string(text), "`"+s+"://") {
				t.Errorf("docs/OUTPUTS.md lacks %s://", s)
			}
		}
	}
}
