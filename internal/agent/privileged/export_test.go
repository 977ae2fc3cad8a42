// SPDX-License-Identifier: Apache-2.0

package privileged

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/agent"
	"github.com/weirnet/weir/internal/sandbox"
)

// TestExportFolders: export has a user of its own where weir makes the folders, and that user reaches them.
func TestExportFolders(t *testing.T) {
	if !sandbox.CanBecome() {
		t.Skip("not root, or the test program is not everybody's")
	}
	visible, hidden := t.TempDir(), t.TempDir()
	if err := os.Chmod(filepath.Dir(visible), 0o755); err != nil { // Go keeps others out of both
		t.Fatal(err)
	}
	if err := os.Chmod(hidden, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		folders []string
		user    int
	}{
		{nil, exportUser},
		{[]string{filepath.Join(visible, "new")}, exportUser},
		{[]string{filepath.Join(visible, "new")}, exportUser}, // it is there by now
		{[]string{filepath.Join(visible, "new"), visible}, 0}, // root's
		{[]string{filepath.Join(hidden, "new")}, 0},
	} {
		user, err := openExportFolders(c.folders)
		if err != nil || user != c.user {
			t.Errorf("%v: user %d, error %v", c.folders, user, err)
		}
		for _, f := range c.folders {
			var s unix.Stat_t
			if err := unix.Stat(f, &s); err != nil || f != visible && int(s.Uid) != c.user && c.folders[0] == f &&
				len(c.folders) == 1 {
				t.Errorf("%s is of user %d, error %v", f, s.Uid, err)
			}
		}
	}
	if _, err := openExportFolders([]string{filepath.Join(visible, "a", "b")}); err == nil {
		t.Error("more than the last folder was made")
	}
	if err := os.Chmod(visible, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := openExportFolders([]string{visible}); err == nil || !strings.Contains(err.Error(), "chmod o-w") {
		t.Errorf("a folder in which anybody may write: error %v", err)
	}
}

// TestOpenExport: what is wrong shows before weir begins.
func TestOpenExport(t *testing.T) {
	none, err := openExport(&agent.Options{}, &controlSocket{})
	if none != nil || err != nil {
		t.Errorf("without outputs: %v, error %v", none, err)
	}
	none.start()
	none.end()
	o := &agent.Options{Export: agent.Export{Args: []string{"--to=x"}}}
	if _, err := openExport(o, &controlSocket{absent: "--socket none"}); err == nil ||
		!strings.Contains(err.Error(), "--socket none") {
		t.Errorf("without a control socket: error %v", err)
	}
	o.Socket, o.Export.Files = filepath.Join(t.TempDir(), "socket"), []string{"/nonexistent/password"}
	socket := openControl(o)
	defer socket.Close()
	if _, err := openExport(o, socket); err == nil || !strings.Contains(err.Error(), "/nonexistent/password") {
		t.Errorf("a missing file: error %v", err)
	}
}
