// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/weirnet/weir/internal/dissect"
)

// The messages are shaped after RFC 3261 §24.2, the description after RFC 8866 §5.
const (
	sipSDP = "v=0\r\no=alice 53655765 2353687637 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n" +
		"m=audio 3456 RTP/AVP 0 1 3 99\r\na=rtpmap:0 PCMU/8000\r\nm=video 0 RTP/AVP 31\r\n"
	sipInvite = "INVITE sip:bob@biloxi.example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK776asdhds\r\n" +
		"To: Bob <sip:bob@biloxi.example.com;user=phone>\r\nf: Alice " +
		"<sip:alice@atlanta.example.com>;tag=1928301774\r\n" +
		"Call-ID: a84b4c76e66710@192.0.2.1\r\nCSeq: 314159 INVITE\r\nUser-Agent: SoftPhone/1.0\r\nContent-Type: " +
		"application/sdp\r\nl: 183\r\n\r\n"
	sipOK = "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.1\r\nTo: <sip:bob@biloxi.example.com>\r\nFrom: " +
		"<sip:alice@atlanta.example.com>\r\n" +
		"CSeq: 314159 INVITE\r\nServer: Registrar\r\nContent-Length: 0\r\n\r\n"
	sipBye = "BYE sip:alice@192.0.2.1 SIP/2.0\r\nTo: <tel:+15551234>\r\nContent-Length: 0\r\n\r\n"
)

var (
	sipCall      = udp(5060, C(sipInvite+sipSDP), S(sipOK))
	sipStream    = tcp(5060, C("\r\n\r\n"), C(sipInvite+sipSDP+sipBye), S(sipOK))
	sipAnswer    = udp(5062, S(sipOK))
	sipKeepAlive = udp(5060, C("\r\n\r\n"), C("\x00\x00\x00\x00"), C(sipBye))
)

func TestSIP(t *testing.T) {
	rtp := dissect.Expectation{Server: netip.MustParseAddrPort("192.0.2.1:3456"), Over: dissect.UDP, Protocol: "rtp"}
	rtcp := dissect.Expectation{Server: netip.MustParseAddrPort("192.0.2.1:3457"), Over: dissect.UDP, Protocol: "rtcp"}
	for _, call := range []talk{{Over: dissect.UDP, ServerPort: 5060, Says: sipCall.Says[:1]}, sipStream} {
		h := wantProtocol(t, call, "sip", `"method":"INVITE"`, `"from":"sip:alice@atlanta.example.com"`,
			`"to":"sip:bob@biloxi.example.com"`, `"user_agent":"SoftPhone/1.0"`)
		if h.Host != "biloxi.example.com" {
			t.Errorf("host %q", h.Host)
		}
		if !slices.Equal(h.Expectations, []dissect.Expectation{rtp, rtcp}) {
			t.Errorf("expected %v", h.Expectations)
		}
	}
	wantProtocol(t, sipCall, "sip", `"method":"INVITE"`, `"status":200`, `"server":"Registrar"`)
	wantProtocol(t, sipStream, "sip", `"status":200`)
	wantProtocol(t, sipAnswer, "sip", `"status":200`, `"method":"INVITE"`)
	wantProtocol(t, sipKeepAlive, "sip", `"method":"BYE"`, `"to":"tel:+15551234"`)
	wantNot(t, udp(5060, C("OPTIONS rtsp://192.0.2.1/ RTSP/1.0\r\nCSeq: 1\r\n\r\n")), "sip")
	wantNot(t, tcp(5060, C("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n")), "sip")
	wantNot(t, udp(5060, C("SIP/2.0 2x0 OK\r\nTo: a\r\n\r\n")), "sip")
	wantNot(t, udp(5060, C("INVITE sip:bob@example.com SIP/3.0\r\nTo: a\r\n\r\n")), "sip")
	wantNot(t, udp(5060, C("\r\n\r\n"), C("\r\n\r\n")), "sip")
	for _, k := range []talk{sipCall, sipStream, sipAnswer, sipKeepAlive} {
		testTruncations(t, "sip", k, 11)
		wantNoAllocations(t, "sip", k)
	}
}

func TestSDP(t *testing.T) {
	for name, c := range map[string]struct {
		sdp  string
		want []string
	}{
		"address of the medium": {"v=0\r\nc=IN IP4 192.0.2.9\r\nm=audio 4000 RTP/AVP 0\r\nc=IN IP6 2001:db8::1\r\n",
			[]string{"[2001:db8::1]:4000", "[2001:db8::1]:4001"}},
		"RTCP at its own port": {"v=0\r\nc=IN IP4 192.0.2.9\r\nm=audio 4000 RTP/SAVP 0\r\na=rtcp:5001\r\n",
			[]string{"192.0.2.9:4000", "192.0.2.9:5001"}},
		"RTCP muxed": {"v=0\r\nc=IN IP4 192.0.2.9/127\r\nm=audio 4000 RTP/AVP 0\r\na=rtcp-mux\r\n",
			[]string{"192.0.2.9:4000"}},
		"ICE":               {"v=0\r\nc=IN IP4 192.0.2.9\r\nm=audio 4000 RTP/AVP 0\r\na=ice-ufrag:F7gI\r\n", nil},
		"fax":               {"v=0\r\nc=IN IP4 192.0.2.9\r\nm=image 4000 udptl t38\r\n", nil},
		"on hold":           {"v=0\r\nc=IN IP4 0.0.0.0\r\nm=audio 4000 RTP/AVP 0\r\n", nil},
		"no address":        {"v=0\r\nm=audio 4000 RTP/AVP 0\r\n", nil},
		"not a description": {"<xml>\r\nm=audio 4000 RTP/AVP 0\r\n", nil},
	} {
		var r dissect.Result
		expectSDP([]byte(c.sdp), &r)
		var got []string
		for _, e := range r.Expectations() {
			got = append(got, e.Server.String())
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestParseAddr(t *testing.T) {
	for _, text := range []string{"192.0.2.1", "0.0.0.0", "2001:db8::1", "::", "::1", "1::", "1:2:3:4:5:6:7:8",
		"fe80::1:2", "FE80::A",
		"", "1.2.3", "1.2.3.4.5", "256.1.1.1", "1.2.3.4 ", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "12345::",
		":1", "1:", "g::", ":::"} {
		want, _ := netip.ParseAddr(text)
		if got := parseAddr([]byte(text)); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

func FuzzSIP(f *testing.F) { fuzzTalks(f, "sip", sipCall, sipStream, sipAnswer, sipKeepAlive) }
