// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weirnet/weir/internal/config"
)

// TestManual: each command and each setting is in a page, and mandoc finds no fault in any.
func TestManual(t *testing.T) {
	folder := t.TempDir()
	if status, _, stderr := weir("manual", "--date", "2026-11-30", folder); status != 0 || stderr != "" {
		t.Fatalf("status %d, %q", status, stderr)
	}
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	run := read("weir-run.1")
	for _, s := range config.Settings() {
		if s.IsFor("run") && !strings.Contains(run, `\fB`+strings.ReplaceAll("--"+s.Flag, "-", `\-`)+`\fR`) {
			t.Errorf("weir-run.1 lacks --%s", s.Flag)
		}
		if !strings.Contains(read("weir.yaml.5"), s.Env) {
			t.Errorf("weir.yaml.5 lacks %s", s.Env)
		}
	}
	for _, c := range newRoot().Commands() {
		if c.IsAvailableCommand() && !strings.Contains(read("weir-"+c.Name()+".1"),
			strings.ReplaceAll(c.Short, "-", `\-`)) {
			t.Errorf("weir-%s.1 lacks %q", c.Name(), c.Short)
		}
	}
	pages, err := filepath.Glob(filepath.Join(folder, "*.[15]"))
	if err != nil || len(pages) < 20 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	if _, err := exec.LookPath("mandoc"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("mandoc is missing; scripts/setup test installs it")
		}
		t.Skip("mandoc is missing")
	}
	text, err := exec.Command("mandoc", append([]string{"-T", "lint", "-W", "warning"}, pages...)...).CombinedOutput()
	if err != nil || len(text) > 0 {
		t.Errorf("mandoc: %v\n%s", err, text)
	}
}

// TestCompletions: bash understands its script, each shell has one, and all of them ask weir for values.
func TestCompletions(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish"} {
		status, script, stderr := weir("completion", shell)
		if status != 0 || stderr != "" || !strings.Contains(script, "__complete") {
			t.Errorf("%s: status %d, %q", shell, status, stderr)
		}
		if shell != "bash" {
			continue
		}
		check := exec.Command("bash", "-n")
		check.Stdin = strings.NewReader(script)
		if text, err := check.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, text)
		}
	}
	if _, out, _ := weir("__complete", "run", "--mode", "a"); !strings.HasPrefix(out, "auto\n") {
		t.Errorf("the values of --mode are %q", out)
	}
}

// TestManualNeedsADay: a page with no day, or a made-up one, is refused.
func TestManualNeedsADay(t *testing.T) {
	if status, _, stderr := weir("manual", "--date", "today", t.TempDir()); status != 2 ||
		!strings.Contains(stderr, "must be a day") {
		t.Errorf("status %d, %q", status, stderr)
	}
}
