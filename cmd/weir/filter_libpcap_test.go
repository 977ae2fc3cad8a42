// SPDX-License-Identifier: Apache-2.0

//go:build libpcap && cgo

package main

import (
	"strings"
	"testing"
)

func TestFilter(t *testing.T) {
	_, all, _ := weir("replay", "-o", "ndjson", capture)
	status, some, stderr := weir("replay", "-o", "ndjson", "--filter", "tcp port 80 and ip", capture)
	if status != 0 || some == "" || strings.Count(some, "\n") >= strings.Count(all, "\n") {
		t.Errorf("status %d (%s), %d of %d flows", status, stderr, strings.Count(some, "\n"), strings.Count(all, "\n"))
	}
	if strings.Contains(some, `"ip_proto":"icmpv6"`) {
		t.Error("a packet passed that the filter refuses")
	}
	if status, _, stderr := weir("replay", "--filter", "tcp prot 80", capture); status != 2 || !strings.Contains(stderr, "tcp prot 80") {
		t.Errorf("a mistake in the expression: status %d, %s", status, stderr)
	}
}
