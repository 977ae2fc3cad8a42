// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built from public knowledge of the greeting.
var (
	vmwareTalk = tcp(902, S("220 VMware Authentication Daemon Version 1.10: SSL Required, "+
		"ServerDaemonProtocol:SOAP\r\n"), C("USER root\r\n"))
)

func TestVMware(t *testing.T) {
	wantProtocol(t, vmwareTalk, "vmware")
	wantNot(t, tcp(902, S("220 VMware\r\n"), C("USER a\r\n")), "vmware")
	testTruncations(t, "vmware", vmwareTalk, 32)
	wantNoAllocations(t, "vmware", vmwareTalk)
}

func FuzzVMware(f *testing.F) { fuzzTalks(f, "vmware", vmwareTalk) }
