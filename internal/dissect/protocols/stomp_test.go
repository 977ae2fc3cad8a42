// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built from STOMP 1.2's examples.
var (
	stompTalk = tcp(61613, C("CONNECT\naccept-version:1.2\nhost:stomp.example.org\n\n\x00"),
		S("CONNECTED\nversion:1.2\n\n\x00"))
)

func TestSTOMP(t *testing.T) {
	if h := wantProtocol(t, stompTalk, "stomp"); h.Host != "stomp.example.org" {
		t.Errorf("host %q", h.Host)
	}
	wantNot(t, tcp(61613, C("CONNECT\nhello:1\n\n\x00")), "stomp")
	wantNot(t, tcp(61613, C("CONNECT a:443 HTTP/1.1\r\n\r\n")), "stomp")
	testTruncations(t, "stomp", stompTalk, 27)
	wantNoAllocations(t, "stomp", stompTalk)
}

func FuzzSTOMP(f *testing.F) { fuzzTalks(f, "stomp", stompTalk) }
