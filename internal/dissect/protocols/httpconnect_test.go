// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand.
var httpConnect = tcp(3128,
	C("CONNECT server.example.com:443 HTTP/1.1\r\nHost: server.example.com:443\r\n\r\n"),
	S("HTTP/1.1 200 Connection established\r\n\r\n"))

func TestHTTPConnect(t *testing.T) {
	if h := wantProtocol(t, httpConnect, "http-connect"); h.Host != "server.example.com" {
		t.Errorf("host %q", h.Host)
	}
	testTruncations(t, "http", httpConnect, 20)
	wantNoAllocations(t, "http", httpConnect)
}
