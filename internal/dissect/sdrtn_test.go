// SPDX-License-Identifier: Apache-2.0

package dissect

import "testing"

// The hello is built by hand in the form that sdrtn.go describes.
var sdRTNHello = udp(8130, C("\x00\x01\x02\x03\x00\x00\x21\x00\x00\x00\x00\x00\x04SNI\x00\x10\x00edge.example.orgPDMD\x04\x00\x00\x00CPTO"))

func TestSDRTN(t *testing.T) {
	if h := wantProtocol(t, sdRTNHello, "sd-rtn"); h.host != "edge.example.org" {
		t.Errorf("host %q", h.host)
	}
	wantNot(t, udp(8130, C("\x00\x01\x02\x03\x00\x00\x21\x00\x00\x00\x00\x00\x04SNI\x00\x10\x00edge example orgPDMD\x04")), "sd-rtn")
	wantNot(t, udp(8130, C("\x00\x01\x02\x03\x00\x00\x21\x00\x00\x00\x00\x00\x04SNI\x00\x0f\x00edge.example.orgPDMD\x04")), "sd-rtn")
	testTruncations(t, "sd-rtn", sdRTNHello, 39)
	wantNoAllocations(t, "sd-rtn", sdRTNHello)
}

func FuzzSDRTN(f *testing.F) { fuzzTalks(f, "sd-rtn", sdRTNHello) }
