// SPDX-License-Identifier: Apache-2.0

package privileged

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/weirnet/weir/internal/privacy"
)

// pseudonymKey is the file of the state folder with the key of the reports' pseudonyms. It never leaves the machine.
const pseudonymKey = "pseudonym.key"

// openPseudonymKey opens the key's file in the state folder, and makes it if it is missing.
func openPseudonymKey(directory *os.File, folder string) (*os.File, error) {
	path := filepath.Join(folder, pseudonymKey)
	f, err := openStateFile(directory, path)
	if err != nil {
		return nil, err
	}
	if err := fillKey(f); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), f.Close())
	}
	return f, nil
}

// fillKey writes a key into an empty file, and leaves the file at its beginning.
func fillKey(f *os.File) error {
	info, err := f.Stat()
	switch {
	case err != nil:
		return err
	case info.Size() == 0:
		var key [privacy.KeySize]byte
		_, _ = rand.Read(key[:]) // never fails
		if _, err := f.Write(key[:]); err != nil {
			return err
		}
		if err := f.Sync(); err != nil {
			return err
		}
	case info.Size() != privacy.KeySize:
		return fmt.Errorf("has %d bytes, not %d: remove it for a new key, which changes all pseudonyms", info.Size(),
			privacy.KeySize)
	}
	_, err = f.Seek(0, io.SeekStart)
	return err
}
