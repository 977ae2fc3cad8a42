// SPDX-License-Identifier: Apache-2.0

//go:build !amd64 && !arm64 && !386 && !arm

package sandbox

import "golang.org/x/sys/unix"

const sysMmap = unix.SYS_MMAP

func architecture(Role) (archFilter, bool) { return archFilter{}, false }
