// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand.
var dropboxLAN = udp(17500, C(
	`{"host_int": 1, "version": [2, 0], "displayname": "", "port": 17500, "namespaces": [1, 2]}`))

func TestDropbox(t *testing.T) {
	if h := wantProtocol(t, dropboxLAN, "dropbox"); h.Application != "dropbox" {
		t.Errorf("application %q", h.Application)
	}
	wantNot(t, udp(17500, C(`{"host": 1, "version": [2, 0], "displayname": "", "port": 17500}`)), "dropbox")
	testTruncations(t, "dropbox", dropboxLAN, 60)
	wantNoAllocations(t, "dropbox", dropboxLAN)
}

func FuzzDropbox(f *testing.F) { fuzzTalks(f, "dropbox", dropboxLAN) }
