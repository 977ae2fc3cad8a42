// SPDX-License-Identifier: Apache-2.0

package pcapfile

import (
	"errors"
	"fmt"
)

var (
	// ErrEmpty says that a capture file, or what it decompresses to, has no bytes at all.
	ErrEmpty = errors.New("empty capture file")
	// ErrNotCapture says that a file is neither pcap nor pcapng. The error that wraps it says what was found.
	ErrNotCapture = errors.New("not a capture file")
)

// FormatError says where a capture file is broken. The packets before Offset were delivered.
type FormatError struct {
	Name   string // the file, as it was given to Open or NewReader
	Offset int64  // of the broken record or block, in the uncompressed capture
	Reason string
	// Truncated is true where the file just ends too early, as it does after a full disk or a killed writer.
	Truncated bool
	// Leftover is true where, in a truncated file, fewer bytes are left than the header of a record has: a writer that
	// was stopped between two packets leaves that, and no packet is missing that could be told of.
	Leftover bool
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("%s: offset %d: %s", e.Name, e.Offset, e.Reason)
}
