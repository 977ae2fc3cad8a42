// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

var tailscalePing = udp(41641, C(tailscaleDisco+sealed(120)))

func TestTailscale(t *testing.T) {
	if h := wantProtocol(t, tailscalePing, "tailscale"); h.Application != "tailscale" {
		t.Errorf("application %q", h.Application)
	}
	wantNot(t, udp(41641, C("TS\xf0\x9f\x92\xad"+sealed(120))), "tailscale")
	testTruncations(t, "tailscale", tailscalePing, 6)
	wantNoAllocations(t, "tailscale", tailscalePing)
}

func FuzzTailscale(f *testing.F) { fuzzTalks(f, "tailscale", tailscalePing) }
