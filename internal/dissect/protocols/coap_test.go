// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// The first is RFC 7252's figure 16, its request piggy-backed; the others are built by hand from §3.
var (
	coapGet     = udp(5683, CX("40 01 7d34 bb"+"74656d7065726174757265"), SX("60 45 7d34 ff 32322e332043"))
	coapShort   = udp(4000, CX("44 01 1234 0a0b0c0d b1 61"), SX("64 45 1234 0a0b0c0d c0 ff 31"))
	coapOneWay  = udp(5683, CX("50 02 0001 3b 6578616d706c652e6e6574 82 7264 ff 01"))
	coapRepeats = udp(5683, CX("40 01 0101 b1 61"), CX("40 01 0102 b1 61"))
)

func TestCoAP(t *testing.T) {
	wantProtocol(t, coapGet, "coap", `"uri_path":"/temperature"`, `"method":1`)
	wantProtocol(t, coapShort, "coap", `"uri_path":"/a"`)
	if h := wantProtocol(t, coapOneWay, "coap", `"uri_path":"/rd"`); h.Host != "example.net" {
		t.Errorf("host %q", h.Host)
	}
	wantProtocol(t, coapRepeats, "coap")
	wantProtocol(t, udp(5683, CX("51 01 0001 01 b1 61"), SX("51 84 0001 01")), "coap") // not confirmed
	wantNot(t, udp(5683, CX("51 01 0001 01 b1 61"), SX("51 84 0002 01")), "coap")
	wantNot(t, udp(5683, CX("40 01 7d34 b1 61")), "coap")
	wantNot(t, udp(5683, CX("40 01 7d34 bb 74656d70"), SX("60 45 7d34 ff 32322e332043")), "coap")
	wantNot(t, udp(5683, CX("40 00 7d34 bb")), "coap")
	wantNot(t, udp(5683, CX("40 01 7d34 21"+"61")), "coap")
	testTruncations(t, "coap", coapGet, 13)
	testTruncations(t, "coap", coapOneWay, 15)
	wantNoAllocations(t, "coap", coapGet)
}

func FuzzCoAP(f *testing.F) { fuzzTalks(f, "coap", coapGet, coapShort, coapOneWay) }
