// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built from the FastCGI specification §3.4, §5.1.
var (
	fastcgiTalk = tcp(9000, CX("01 01 0001 0008 00 00 0001 00 0000000000"),
		C("\x01\x04\x00\x01\x00\x29\x00\x00\x0e\x03REQUEST_METHODGET\x09\x0bHTTP_HOSTexample.com"))
)

func TestFastCGI(t *testing.T) {
	if h := wantProtocol(t, fastcgiTalk, "fastcgi", `"method":"GET"`); h.Host != "example.com" {
		t.Errorf("host %q", h.Host)
	}
	wantNot(t, tcp(9000, CX("01 01 0001 0008 00 00 0004 00 0000000000")), "fastcgi")
	wantNot(t, tcp(9000, CX("01 01 0001 0008 00 00 0001 00 0000000000 0102030405060708")), "fastcgi")
	testTruncations(t, "fastcgi", fastcgiTalk, 16)
	wantNoAllocations(t, "fastcgi", fastcgiTalk)
}

func FuzzFastCGI(f *testing.F) { fuzzTalks(f, "fastcgi", fastcgiTalk) }
