// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"testing"

	"github.com/weirnet/weir/internal/dissect"
)

// Built by hand.
var clusterXL = talk{Over: dissect.UDP, ClientPort: 8116, ServerPort: 8116,
	Says: []say{CX("1a90 0c31 0001 0001 0003 1234 0001 fffe 00e0 4a01 0001")}}

func TestCheckPointHA(t *testing.T) {
	wantProtocol(t, clusterXL, "check-point-ha", `"cluster":1`)
	wantNot(t, udp(8116, clusterXL.Says[0]), "check-point-ha")
	testTruncations(t, "check-point-ha", clusterXL, 20)
}

func FuzzCheckPointHA(f *testing.F) { fuzzTalks(f, "check-point-ha", clusterXL) }
