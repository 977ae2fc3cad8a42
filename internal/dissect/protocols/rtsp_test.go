// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// The messages are shaped after RFC 2326 §14.1.
var (
	rtspPlay = tcp(554, C("DESCRIBE rtsp://foo.example.com/twister RTSP/1.0\r\nCSeq: 1\r\nUser-Agent: Player/1\r\n"+
		"\r\n"),
		S("RTSP/1.0 200 OK\r\nCSeq: 1\r\nServer: Streamer/2\r\n\r\n"),
		C("SETUP rtsp://foo.example.com/twister/audio RTSP/1.0\r\nCSeq: 2\r\nTransport: "+
			"RTP/AVP/UDP;unicast;client_port=3056-3057\r\n\r\n"),
		S("RTSP/1.0 200 OK\r\nCSeq: 2\r\nTransport: "+
			"RTP/AVP/UDP;unicast;client_port=3056-3057;server_port=5000-5001\r\n\r\n"))
	rtspAnswer = tcp(40000, S("RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\n\r\n"))
	rtspUDP    = udp(554, C("OPTIONS * RTSP/2.0\r\nCSeq: 1\r\n\r\n"))
)

func TestRTSP(t *testing.T) {
	h := wantProtocol(t, rtspPlay, "rtsp", `"method":"DESCRIBE"`, `"url":"rtsp://foo.example.com/twister"`,
		`"status":200`, `"user_agent":"Player/1"`, `"server":"Streamer/2"`)
	if h.Host != "foo.example.com" {
		t.Errorf("host %q", h.Host)
	}
	if n := len(h.Expectations); n != 6 || h.Expectations[n-2].Server.String() != "198.51.100.1:5000" ||
		h.Expectations[0].Server.String() != "192.0.2.1:3056" {
		t.Errorf("expected %v", h.Expectations)
	}
	wantProtocol(t, rtspAnswer, "rtsp", `"status":401`)
	wantProtocol(t, rtspUDP, "rtsp", `"method":"OPTIONS"`)
	wantNot(t, tcp(554, C("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n")), "rtsp")
	wantNot(t, tcp(554, C("PLAYERS rtsp://a/ RTSP/1.0\r\n\r\n")), "rtsp")
	for _, k := range []talk{rtspPlay, rtspAnswer, rtspUDP} {
		testTruncations(t, "rtsp", k, 20)
		wantNoAllocations(t, "rtsp", k)
	}
}

func FuzzRTSP(f *testing.F) { fuzzTalks(f, "rtsp", rtspPlay, rtspAnswer) }
