// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

func TestNFS(t *testing.T) {
	wantProtocol(t, rpcUDP, "nfs", `"program":100000`, `"procedure":3`, `"asked_program":100003`)
	wantProtocol(t, rpcTCP, "nfs", `"program":100003`, `"machine":"host"`)
	wantProtocol(t, udp(2049, SX(rpcSuccess)), "nfs")
	wantProtocol(t, udp(4000, CX(rpcNFSCall)), "nfs")
}
