// SPDX-License-Identifier: Apache-2.0

package privileged

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/weirnet/weir/internal/sandbox"
	"github.com/weirnet/weir/internal/testing/lab"
)

// TestSpoolsOwner: ship's user gets the spool and all that is in it, but nothing that has a name elsewhere.
func TestSpoolsOwner(t *testing.T) {
	if os.Geteuid() != 0 || !sandbox.CanBecome() {
		lab.Lacks(t, "not root")
	}
	state := t.TempDir()
	spool := filepath.Join(state, "spool")
	for _, folder := range []string{spool, filepath.Join(spool, "refused")} {
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"outside", "linked", "spool/pointer", "spool/refused/1.report"} {
		if err := os.WriteFile(filepath.Join(state, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("../outside", filepath.Join(spool, "symbolic")); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(filepath.Join(state, "linked"), filepath.Join(spool, "hard")); err != nil {
		t.Fatal(err)
	}
	check := func(user uint32) {
		t.Helper()
		for name, want := range map[string]uint32{"spool": user, "spool/pointer": user, "spool/refused": user,
			"spool/refused/1.report": user, "outside": 0, "linked": 0, ".": 0} {
			info, err := os.Stat(filepath.Join(state, name))
			if err != nil {
				t.Fatal(err)
			}
			if got := info.Sys().(*syscall.Stat_t).Uid; got != want {
				t.Errorf("%s belongs to user %d, not %d", name, got, want)
			}
		}
	}
	link := filepath.Join(state, "link")
	if err := os.Symlink("spool", link); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{spool, spool, link} {
		if user, err := openSpool(path); err != nil || user != shipUser {
			t.Fatal(user, err)
		}
		check(shipUser)
		// A tool that runs as root left a file.
		if err := os.Chown(filepath.Join(spool, "pointer"), 0, 0); err != nil {
			t.Fatal(err)
		}
	}
	folder, err := openDirectory(spool)
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	if err := give(folder, 0); err != nil {
		t.Fatal(err)
	}
	check(0)
	for name, spoil := range map[string]func() error{
		"another user's":     func() error { return os.Chown(spool, 1000, 1000) },
		"open for everybody": func() error { return os.Chmod(spool, 0o777) },
		"a file":             func() error { return os.Rename(filepath.Join(state, "outside"), spool) },
	} {
		if err := os.RemoveAll(spool); err != nil {
			t.Fatal(err)
		}
		if name != "a file" {
			if err := os.Mkdir(spool, 0o700); err != nil {
				t.Fatal(err)
			}
		}
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		if _, err := openSpool(spool); err == nil {
			t.Errorf("a spool that is %s is taken", name)
		}
	}
}
