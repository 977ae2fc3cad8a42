// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"strings"
	"testing"
)

// Built by hand from the document in the entry.
var netcodeOpen = udp(40000, C("\x00NETCODE 1.02\x00"+strings.Repeat("\x11", netcodeRequest-14)))

func TestNetcode(t *testing.T) {
	wantProtocol(t, netcodeOpen, "yojimbo")
	testTruncations(t, "yojimbo", netcodeOpen, 5)
	wantNoAllocations(t, "yojimbo", netcodeOpen)
}

func FuzzNetcode(f *testing.F) { fuzzTalks(f, "yojimbo", netcodeOpen) }
