// SPDX-License-Identifier: Apache-2.0

package dissect

import "testing"

// The example of the PROXY protocol §2.1, and a header after §2.2.
var (
	haproxyText = tcp(80, C("PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\nGET / HTTP/1.1\r\nHost: 192.168.0.11\r\n\r\n"))
	haproxyBin  = tcp(80, CX("0d0a0d0a000d0a515549540a 21 11 000c c0000201 c6336401 c000 0050"))
)

func TestHAProxy(t *testing.T) {
	wantProtocol(t, haproxyText, "haproxy-protocol", `"source":"192.168.0.1"`, `"destination":"192.168.0.11"`)
	wantProtocol(t, haproxyBin, "haproxy-protocol", `"source":"192.0.2.1"`)
	wantProtocol(t, tcp(80, C("PROXY UNKNOWN\r\n")), "haproxy-protocol")
	wantNot(t, tcp(80, C("PROXY ME\r\n")), "haproxy-protocol")
	wantNot(t, tcp(80, C("\r\n\r\nhello, world. hello")), "haproxy-protocol")
	for _, k := range []talk{haproxyText, haproxyBin} {
		testTruncations(t, "haproxy-protocol", k, 15)
		wantNoAllocations(t, "haproxy-protocol", k)
	}
}

func FuzzHAProxy(f *testing.F) { fuzzTalks(f, "haproxy-protocol", haproxyText, haproxyBin) }
