// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand.
var quakeStatus = udp(27960, C(outOfBand+"getstatus\n"), S(outOfBand+"statusResponse\n\\sv_hostname\\noname\n"))

func TestQuake3(t *testing.T) {
	wantProtocol(t, quakeStatus, "quake3", `"command":"getstatus"`)
	testTruncations(t, "source-engine", quakeStatus, 13)
	wantNoAllocations(t, "source-engine", quakeStatus)
}
