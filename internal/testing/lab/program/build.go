// SPDX-License-Identifier: Apache-2.0

package program

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// built are the programs, each made by the first test that needs it.
var built struct {
	makeDirectory, weir, sink sync.Once

	directory  string
	hasLibpcap bool
	err        error // of the last build
}

// Weir builds the program like make build, once, in a place that anyone can read: tests start it as other users.
// hasLibpcap reports whether the build includes libpcap, which it does if the machine has it.
func Weir(t testing.TB) (path string, hasLibpcap bool) {
	t.Helper()
	built.weir.Do(func() {
		_, noHeader := os.Stat("/usr/include/pcap.h")
		_, noCompiler := exec.LookPath("gcc")
		// for tests of another architecture, too
		built.hasLibpcap = noHeader == nil && noCompiler == nil && os.Getenv("CGO_ENABLED") != "0"
		if built.hasLibpcap {
			built.err = build("weir", "1", "-tags", "libpcap")
		} else {
			built.err = build("weir", "0")
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return filepath.Join(built.directory, "weir"), built.hasLibpcap
}

// WeirSink builds the sink like make build, once.
func WeirSink(t testing.TB) (path string) {
	t.Helper()
	built.sink.Do(func() { built.err = build("weir-sink", "1") })
	if built.err != nil {
		t.Fatal(built.err)
	}
	return filepath.Join(built.directory, "weir-sink")
}

// build builds a program, with cgo ("1") or without.
func build(name, cgo string, flags ...string) (err error) {
	built.makeDirectory.Do(func() {
		if built.directory, err = os.MkdirTemp("", "weir-test-"); err == nil {
			err = os.Chmod(built.directory, 0o755)
		}
	})
	if err == nil {
		err = noteSources()
	}
	if err != nil {
		return err
	}
	arguments := append([]string{"build", "-o", filepath.Join(built.directory, name)}, flags...)
	build := exec.Command("go", append(arguments, "github.com/weirnet/weir/cmd/"+name)...)
	build.Env = append(os.Environ(), "CGO_ENABLED="+cgo)
	if text, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", name, err, text)
	}
	return nil
}

// noteSources opens the sources' folders. go test's cache notes what a test opens, but not what the compiler reads for
// it: a test of a program would count as passed for another program.
func noteSources() error {
	root, err := filepath.Abs(".")
	for ; err == nil && root != "/"; root = filepath.Dir(root) {
		if _, none := os.Stat(filepath.Join(root, "go.mod")); none == nil {
			break
		}
	}
	for _, folder := range []string{"cmd", "internal", "gen"} {
		err = errors.Join(err, filepath.WalkDir(filepath.Join(root, folder),
			func(_ string, _ fs.DirEntry, err error) error { return err }))
	}
	return err
}

// Remove removes the builds, at the end of TestMain.
func Remove() {
	if built.directory != "" {
		os.RemoveAll(built.directory)
	}
}
