// SPDX-License-Identifier: Apache-2.0

//go:build !libpcap || !cgo

package libpcap

import "os"

// Built reports whether this program can capture with libpcap.
const Built = false

// Capture returns ErrNotBuilt: this build has no libpcap.
func Capture(_, _ *os.File) error { return ErrNotBuilt }
