// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"strings"
	"testing"
)

func TestRPCBind(t *testing.T) {
	// For another program
	wantProtocol(t, udp(111, CX(strings.Replace(rpcAskPort, "000186a3", "000186b0", 1))), "rpcbind")
	wantProtocol(t, udp(111, CX(rpcAskPort[:len(rpcAskPort)-35])), "rpcbind") // cut before the program number
	wantNot(t, udp(111, CX("12345678 00000000 00000003 000186a0 00000002 00000003 00000000 00000000 00000000 "+
		"00000000")), "rpcbind")
}
