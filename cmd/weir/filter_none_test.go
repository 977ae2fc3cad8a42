// SPDX-License-Identifier: Apache-2.0

//go:build !libpcap || !cgo

package main

import (
	"strings"
	"testing"
)

func TestFilterWithoutLibpcap(t *testing.T) {
	if status, _, stderr := weir("replay", "--filter", "tcp", capture); status != 2 ||
		!strings.Contains(stderr, "libpcap-dev") {
		t.Errorf("status %d: %s", status, stderr)
	}
}
