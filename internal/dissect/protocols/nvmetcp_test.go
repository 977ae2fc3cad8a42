// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand from §3.6.2.
var nvmeInit = tcp(4420, C("\x00\x00\x80\x00\x80\x00\x00\x00"+string(make([]byte, 120))),
	S("\x01\x00\x80\x00\x80\x00\x00\x00"+string(make([]byte, 120))))

func TestNVMeTCP(t *testing.T) {
	wantProtocol(t, nvmeInit, "nvme-tcp")
	wantProtocol(t, tcp(4000, nvmeInit.Says[1]), "nvme-tcp")
	wantNot(t, tcp(4420, C("\x00\x00\x80\x00\x81\x00\x00\x00"+string(make([]byte, 120)))), "nvme-tcp")
	testTruncations(t, "nvme-tcp", nvmeInit, 10)
	wantNoAllocations(t, "nvme-tcp", nvmeInit)
}

func FuzzNVMeTCP(f *testing.F) { fuzzTalks(f, "nvme-tcp", nvmeInit) }
