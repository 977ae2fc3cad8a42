// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// The messages are shaped after RFC 3435 §3.2.2 and appendix F.
var (
	mgcpCreate = udp(2427, C("CRCX 1204 aaln/1@rgw-2567.whatever.net MGCP 1.0\r\nC: A3C47F21456789F0\r\nL: p:10, "+
		"a:PCMU\r\nM: recvonly\r\n"),
		S("200 1204 OK\r\nI: FDE234C8\r\n\r\nv=0\r\no=- 25678 753849 IN IP4 192.0.2.5\r\ns=-\r\nc=IN IP4 "+
			"192.0.2.5\r\nt=0 0\r\nm=audio 3456 RTP/AVP 0\r\n"))
	mgcpAnswer = udp(2427, S("200 1201 OK\n"), C("NTFY 2002 aaln/1@rgw-2567.whatever.net MGCP 1.0\nX: 1\nO: hd\n"))
)

func TestMGCP(t *testing.T) {
	h := wantProtocol(t, mgcpCreate, "mgcp", `"command":"CRCX"`, `"endpoint":"aaln/1@rgw-2567.whatever.net"`)
	if h.Messages != 2 || len(h.Expectations) != 2 || h.Expectations[0].Server.String() != "192.0.2.5:3456" {
		t.Errorf("expected %v after %d messages", h.Expectations, h.Messages)
	}
	wantProtocol(t, mgcpAnswer, "mgcp", `"command":"NTFY"`)
	wantProtocol(t, udp(2427, C("RQNT 1201 aaln/1@rgw MGCP 0.1\rX: 1\r")), "mgcp")
	wantNot(t, udp(2427, S("200 1201 OK\r\n")), "mgcp")
	wantNot(t, udp(2427, C("NTFY 2002 aaln/1@rgw HTTP 1.0\r\n")), "mgcp")
	wantNot(t, udp(2427, C("NTFY x aaln/1@rgw MGCP 1.0\r\n")), "mgcp")
	for _, k := range []talk{mgcpCreate, mgcpAnswer} {
		testTruncations(t, "mgcp", k, 40)
		wantNoAllocations(t, "mgcp", k)
	}
}

func FuzzMGCP(f *testing.F) { fuzzTalks(f, "mgcp", mgcpCreate, mgcpAnswer) }
