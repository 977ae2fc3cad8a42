// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"errors"
	"io/fs"
	"os"
	"slices"
)

// nameFiles are those from which Go's resolver reads.
var nameFiles = []string{"/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf"}

// ErrNames ends a process that CanReadNames no longer, so that the next one may read the new file.
var ErrNames = errors.New("a file with name servers or names was replaced")

// CanReadNames reports whether the process may read the files with name servers and names. Landlock knows files, not
// names: after a rename it is another file, and only a process that begins anew may read it.
func CanReadNames() bool {
	return !slices.ContainsFunc(nameFiles, func(path string) bool {
		f, err := os.Open(path)
		if err == nil {
			f.Close()
		}
		return errors.Is(err, fs.ErrPermission)
	})
}
