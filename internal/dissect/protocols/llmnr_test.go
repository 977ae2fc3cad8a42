// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

func TestLLMNR(t *testing.T) {
	wantProtocol(t, udp(5355, CX("1234 0000 0001 0000 0000 0000 03616263 00 00ff 0001")), "llmnr", `"type":"ANY"`)
}
