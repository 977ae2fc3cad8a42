// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"encoding/hex"
	"strings"
	"testing"
)

// All messages are built by hand: media after the paper's table of headers.
func zoomMedia(encapsulation, kind string, size, seq int) string {
	return encapsulation + kind + strings.Repeat("00", size-1) + rtpPacket(99, seq, 0x1000401)
}

const zoomID = "3f1b0c7e5d2a4b6c8e9f0a1b2c3d4e5f"

var (
	zoomSetup = udp(8801, CX("010003aa"+zoomID+"0000000000000002 00001111 00001111 00000004 01020304"),
		SX("020003aa"+zoomID+"00002222 00001111 0000000000000000"))
	zoomSFU = udp(8801, CX(zoomMedia("0500010000000000", "10", 24, 1)),
		CX(zoomMedia("0500020000000000", "10", 24, 2)), CX(zoomMedia("0500030000000000", "10", 24, 3)))
	zoomP2P = udp(50000, CX(zoomMedia("", "0f", 19, 1)), CX(zoomMedia("", "0f", 19, 2)),
		CX(zoomMedia("", "0f", 19, 3)))
	zoomGreet = udp(50000, CX("1f020100"+strings.Repeat("00", 20)+"00000009"+hex.EncodeToString([]byte("192.0.2.1"))+
		"00000024"+hex.EncodeToString([]byte("01234567-89AB-cdef-0123-456789abcdef"))))
)

func TestZoom(t *testing.T) {
	for _, k := range []talk{zoomSetup, zoomSFU, zoomP2P, zoomGreet} {
		if h := wantProtocol(t, k, "zoom"); h.Application != "zoom" {
			t.Errorf("application %q", h.Application)
		}
		testTruncations(t, "zoom", k, 50)
		wantNoAllocations(t, "zoom", k)
	}
	wantNot(t, udp(8801, CX("010003aa"+zoomID+"0000000000000002 00001111 00001111 00000004"),
		SX("020003ab"+zoomID+"00002222 00001111 0000000000000000")), "zoom")
	wantNot(t, udp(8801, CX(zoomMedia("", "0f", 19, 1)), CX(zoomMedia("", "0f", 19, 1))), "zoom")
	wantNot(t, udp(50000, CX("1f020100"+strings.Repeat("00", 20)+"00000009"+hex.EncodeToString([]byte("192.0.2.x"))+
		"00000024"+hex.EncodeToString([]byte("01234567-89AB-cdef-0123-456789abcdef")))), "zoom")
}

func FuzzZoom(f *testing.F) { fuzzTalks(f, "zoom", zoomSetup, zoomSFU, zoomP2P, zoomGreet) }
