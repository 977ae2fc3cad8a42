// SPDX-License-Identifier: Apache-2.0

package program

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// built is the program's path, made by the first test that needs it.
var built struct {
	sync.Once
	directory, path string
	hasLibpcap      bool
	err             error
}

// Weir builds the program like make build, once, in a place that anyone can read: tests start it as other users.
// hasLibpcap reports whether the build includes libpcap, which it does if the machine has it.
func Weir(t testing.TB) (path string, hasLibpcap bool) {
	t.Helper()
	built.Do(func() { built.err = build() })
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.path, built.hasLibpcap
}

func build() (err error) {
	if built.directory, err = os.MkdirTemp("", "weir-test-"); err != nil {
		return err
	}
	if err := os.Chmod(built.directory, 0o755); err != nil {
		return err
	}
	built.path = filepath.Join(built.directory, "weir")
	arguments, environment := []string{"build", "-o", built.path}, append(os.Environ(), "CGO_ENABLED=0")
	_, noHeader := os.Stat("/usr/include/pcap.h")
	_, noCompiler := exec.LookPath("gcc")
	if noHeader == nil && noCompiler == nil && os.Getenv("CGO_ENABLED") != "0" {
		// for tests of another architecture, too
		arguments, environment = append(arguments, "-tags", "libpcap"), append(environment, "CGO_ENABLED=1")
		built.hasLibpcap = true
	}
	build := exec.Command("go", append(arguments, "github.com/weirnet/weir/cmd/weir")...)
	build.Env = environment
	if text, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build weir: %w\n%s", err, text)
	}
	return nil
}

// Remove removes Weir's build, at the end of TestMain.
func Remove() {
	if built.directory != "" {
		os.RemoveAll(built.directory)
	}
}
