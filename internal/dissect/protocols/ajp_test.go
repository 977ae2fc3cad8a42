// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built from Tomcat's AJPv13 text.
var (
	ajpRequestTalk = tcp(8009, C("\x12\x34\x00\x3b\x02\x02\x00\x08HTTP/1.1\x00\x00\x04/a?b\x00\x00\x09192.0.2.1\x00"+
		"\xff\xff\x00\x0bexample.com\x00\x00\x50\x00\x00\x00"))
	ajpPing = tcp(8009, CX("1234 0001 0a"), S("AB\x00\x01\x09"))
)

func TestAJP(t *testing.T) {
	if h := wantProtocol(t, ajpRequestTalk, "ajp", `"path":"/a"`,
		`"remote_address":"192.0.2.1"`); h.Host != "example.com" {
		t.Errorf("host %q", h.Host)
	}
	wantProtocol(t, ajpPing, "ajp")
	wantProtocol(t, tcp(1, S("AB\x00\x01\x09")), "ajp")
	wantNot(t, tcp(8009, CX("1234 0002 0a00")), "ajp")
	wantNot(t, tcp(8009, C("\x12\x34\x00\x3b\x02\x02\x00\x04ABCD\x00")), "ajp")
	wantNot(t, tcp(8009, S("ABCDEFGH")), "ajp")
	for _, k := range []talk{ajpRequestTalk, ajpPing} {
		testTruncations(t, "ajp", k, 5)
		wantNoAllocations(t, "ajp", k)
	}
}

func FuzzAJP(f *testing.F) { fuzzTalks(f, "ajp", ajpRequestTalk, ajpPing) }
