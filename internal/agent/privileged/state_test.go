// SPDX-License-Identifier: Apache-2.0

package privileged

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/agent"
	"github.com/weirnet/weir/internal/hosts"
	"github.com/weirnet/weir/internal/testing/lab"
)

// open calls openState on a directory.
func open(t *testing.T, directory string) error {
	t.Helper()
	s, err := openState(&agent.Options{State: directory})
	if err != nil {
		return err
	}
	return s.Close()
}

func TestState(t *testing.T) {
	directory := filepath.Join(t.TempDir(), "state")
	for range 2 { // weir makes it, then finds it
		if err := open(t, directory); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range append([]string{"."}, agent.StateFiles...) {
		info, err := os.Stat(filepath.Join(directory, name))
		if err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	link := filepath.Join(t.TempDir(), "link")
	must(t, os.Symlink(directory, link)) // of this user
	if err := open(t, link); err != nil {
		t.Error(err)
	}
	must(t, os.Symlink("../"+filepath.Base(filepath.Dir(link))+"/link", link+"2"))
	if err := open(t, link+"2"); err != nil {
		t.Error(err)
	}
	must(t, os.Symlink(link+"3", link+"3"))
	if err := open(t, link+"3"); err == nil {
		t.Error("a link to itself is a directory")
	}
	s, err := openState(&agent.Options{State: directory})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := open(t, directory); err == nil || !strings.Contains(err.Error(), "another weir uses it") {
		t.Error(err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestStateMistyped: weir makes only the last part of a path. The error names the first missing part, and weir leaves
// nothing behind.
func TestStateMistyped(t *testing.T) {
	root, elsewhere := t.TempDir(), t.TempDir()
	link := filepath.Join(root, "link")
	must(t, os.Symlink(elsewhere, link))
	must(t, os.Symlink("no/where", filepath.Join(root, "dangling")))
	must(t, os.Symlink("made", filepath.Join(root, "promise")))
	for path, missing := range map[string]string{
		filepath.Join(root, "lb", "weir"):        filepath.Join(root, "lb"),
		filepath.Join(root, "a", "b", "c") + "/": filepath.Join(root, "a"),
		root + "/./a/../state":                   "",
		filepath.Join(link, "lb", "weir"):        filepath.Join(elsewhere, "lb"),
		filepath.Join(root, "dangling"):          filepath.Join(root, "no"),
		filepath.Join(root, "dangling", "weir"):  filepath.Join(root, "no"),
		filepath.Join(root, "promise"):           "",
		filepath.Join(link, "state") + "/.":      "",
	} {
		err := open(t, path)
		if missing == "" {
			if err != nil {
				t.Errorf("%s: %v", path, err)
			}
			continue
		}
		if err == nil || !strings.HasSuffix(err.Error(), missing+" does not exist") {
			t.Errorf("%s: %v, want that %s does not exist", path, err, missing)
		}
		if _, err := os.Lstat(missing); !os.IsNotExist(err) {
			t.Errorf("%s: %s is there now (%v)", path, missing, err)
		}
	}
}

// TestStateOfOthers: weir neither follows nor writes to what another user may have planted, and the error names the
// cause.
func TestStateOfOthers(t *testing.T) {
	const stranger = 12345
	asRoot := func(t *testing.T) {
		t.Helper()
		if os.Geteuid() != 0 {
			lab.Lacks(t, "only root can make what belongs to others")
		}
	}
	const precious = "root:x:0:0:root:/root:/bin/bash\n"
	for _, x := range []struct {
		name, says string
		// lay prepares the directory; it returns the path of a file that has to stay unchanged.
		lay func(t *testing.T, directory string) string
	}{
		{"a symbolic link", "is a symbolic link", func(t *testing.T, directory string) string {
			victim := filepath.Join(t.TempDir(), "passwd")
			must(t, os.WriteFile(victim, []byte(precious), 0o600))
			must(t, os.Symlink(victim, filepath.Join(directory, "hosts.1")))
			return victim
		}},
		{"a symbolic link to nothing", "is a symbolic link", func(t *testing.T, directory string) string {
			must(t, os.Symlink(filepath.Join(t.TempDir(), "new"), filepath.Join(directory, "hosts.0")))
			return ""
		}},
		{"a hard link", "hard links", func(t *testing.T, directory string) string {
			victim := filepath.Join(directory, "passwd")
			must(t, os.WriteFile(victim, []byte(precious), 0o600))
			must(t, os.Link(victim, filepath.Join(directory, "hosts.0")))
			return victim
		}},
		{"a foreign file", "is not a list of devices", func(t *testing.T, directory string) string {
			victim := filepath.Join(directory, "hosts.1")
			must(t, os.WriteFile(victim, []byte(precious), 0o600))
			return victim
		}},
		{"a FIFO", "is not a regular file", func(t *testing.T, directory string) string {
			must(t, unix.Mkfifo(filepath.Join(directory, "hosts.0"), 0o600))
			return ""
		}},
		{"a directory for a file", "hosts.0", func(t *testing.T, directory string) string {
			must(t, os.Mkdir(filepath.Join(directory, "hosts.0"), 0o700))
			return ""
		}},
		{"a file that others can write", "others may write to", func(t *testing.T, directory string) string {
			victim := filepath.Join(directory, "hosts.0")
			must(t, os.WriteFile(victim, nil, 0o600))
			must(t, os.Chmod(victim, 0o620))
			return ""
		}},
		{"a directory that a group can write", "others may write to",
			func(t *testing.T, directory string) string {
				must(t, os.Chmod(directory, 0o770))
				return ""
			}},
		{"a directory that all can write", "others may write to", func(t *testing.T, directory string) string {
			must(t, os.Chmod(directory, 0o777|os.ModeSticky))
			return ""
		}},
		{"another user's directory", "belongs to another user (12345)", func(t *testing.T, directory string) string {
			asRoot(t)
			must(t, os.Chown(directory, stranger, stranger))
			return ""
		}},
		{"another user's file", "belongs to another user (12345)", func(t *testing.T, directory string) string {
			asRoot(t)
			victim := filepath.Join(directory, "hosts.0")
			must(t, os.WriteFile(victim, nil, 0o600))
			must(t, os.Chown(victim, stranger, stranger))
			return ""
		}},
		{"another user's link on the way", "a symbolic link of another user (12345)",
			func(t *testing.T, directory string) string {
				asRoot(t)
				elsewhere := t.TempDir()
				must(t, os.Remove(directory))
				must(t, os.Symlink(elsewhere, directory))
				must(t, os.Lchown(directory, stranger, stranger))
				return ""
			}},
	} {
		t.Run(x.name, func(t *testing.T) {
			directory := filepath.Join(t.TempDir(), "state")
			must(t, os.Mkdir(directory, 0o700))
			victim := x.lay(t, directory)
			if err := open(t, directory); err == nil || !strings.Contains(err.Error(), x.says) {
				t.Errorf("%v, not %q", err, x.says)
			}
			if victim == "" {
				return
			}
			if text, err := os.ReadFile(victim); err != nil || string(text) != precious {
				t.Errorf("%q, %v", text, err)
			}
		})
	}
}

// TestStateKept: weir accepts a list of devices, whole or broken.
func TestStateKept(t *testing.T) {
	for _, text := range []string{"", hosts.EmptyFile, `{"sequence":7,"length":2,"crc32":1}` + "\n[]",
		`{"sequence":7,"len`} {
		directory := t.TempDir()
		must(t, os.Chmod(directory, 0o700))
		must(t, os.WriteFile(filepath.Join(directory, "hosts.0"), []byte(text), 0o600))
		if err := open(t, directory); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}
