// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// The example of RFC 1282 §3.1.
var rloginTalk = tcp(513, C("\x00bostic\x00kbostic\x00vt100/9600\x00"), S("\x00"))

func TestRlogin(t *testing.T) {
	wantProtocol(t, rloginTalk, "rlogin", `"client_user":"bostic"`)
	wantProtocol(t, tcp(513, C("\x00bostic\x00kbostic\x00vt100/9600\x00"), S("\x01rlogind: Permission denied.\r\n")),
		"rlogin")
	wantNot(t, tcp(513, C("\x00bostic\x00kbostic\x00vt100/fast\x00"), S("\x00")), "rlogin")
	testTruncations(t, "rsh", rloginTalk, 99)
	wantNoAllocations(t, "rsh", rloginTalk)
}
