// SPDX-License-Identifier: Apache-2.0

package pcapfile

import (
	"errors"
	"fmt"
)

var (
	// ErrEmpty means that a capture file, or its decompressed content, has no bytes at all.
	ErrEmpty = errors.New("empty capture file")
	// ErrNotCapture means that a file is neither pcap nor pcapng. The error that wraps it describes the file.
	ErrNotCapture = errors.New("not a capture file")
)

// FormatError locates the damage in a capture file. The packets before Offset were delivered.
type FormatError struct {
	Name   string // the file, as passed to Open or NewReader
	Offset int64  // of the broken record or block, in the uncompressed capture
	Reason string
	// Truncated means that the file merely ends too early, as after a full disk or a killed writer.
	Truncated bool
	// Leftover means that the rest of a truncated file is shorter than a record's header: a writer that was stopped
	// between two packets leaves that, and no packet is missing.
	Leftover bool
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("%s: offset %d: %s", e.Name, e.Offset, e.Reason)
}
