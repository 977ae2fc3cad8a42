// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand.
var httpIcy = tcp(8000, C("GET /radio HTTP/1.0\r\nHost: radio.example\r\nIcy-MetaData: 1\r\n\r\n"),
	S("ICY 200 OK\r\nicy-name: x\r\n\r\n"))

func TestIcecast(t *testing.T) {
	wantProtocol(t, httpIcy, "icecast")
	wantProtocol(t, tcp(8000, C("SOURCE /live ICE/1.0\r\n")), "icecast")
	testTruncations(t, "http", httpIcy, 20)
	wantNoAllocations(t, "http", httpIcy)
}
