// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// The field block is RFC 7541 §C.4.1's (GET http://www.example.com/, Huffman coded), and §C.3.1's (not coded).
var (
	http2Coded = tcp(8080, C(http2Preface), CX("000000 04 00 00000000"),
		CX("000011 01 05 00000001 828684418cf1e3c2e5f23a6ba0ab90f4ff"), SX("000006 04 00 00000000 000300000064"))
	http2Plain = tcp(8080, C(http2Preface), CX("000014 01 05 00000001 828684410f7777772e6578616d706c652e636f6d"))
)

func TestHTTP2(t *testing.T) {
	for _, k := range []talk{http2Coded, http2Plain} {
		if h := wantProtocol(t, k, "http2", `"method":"GET"`, `"path":"/"`,
			`"host":"www.example.com"`); h.Host != "www.example.com" {
			t.Errorf("host %q", h.Host)
		}
		testTruncations(t, "http2", k, len(http2Preface))
		wantNoAllocations(t, "http2", k)
	}
	wantProtocol(t, tcp(80, SX("000006 04 00 00000000 000300000064"), C(http2Preface)), "http2")
	wantProtocol(t, tcp(80, SX("000006 04 00 00000000 000300000064")), "http2")
	wantNot(t, tcp(80, SX("000006 04 00 00000000 00f300000064")), "http2")
	wantNot(t, tcp(80, C("PRI * HTTP/1.1\r\n\r\n")), "http2")
	wantNot(t, tcp(80, SX("000000 04 00 00000000"), C("GET / HTTP/1.1\r\n")), "http2")
}

func FuzzHTTP2(f *testing.F) { fuzzTalks(f, "http2", http2Coded, http2Plain) }
