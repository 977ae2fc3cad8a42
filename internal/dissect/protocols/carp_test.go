// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"strings"
	"testing"
)

// Built after the header in carp(4).
var vrrpCARP = ip(112, CX("21 01 00 07 00 01 0000"+strings.Repeat("5a", 28)))

func TestCARP(t *testing.T) {
	wantProtocol(t, vrrpCARP, "carp", `"host_id":1`)
	testTruncations(t, "vrrp", vrrpCARP, 36)
	wantNoAllocations(t, "vrrp", vrrpCARP)
}
