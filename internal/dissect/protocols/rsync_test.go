// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built from rsync's csprotocol.txt.
var (
	rsyncTalk = tcp(873, S("@RSYNCD: 31.0\n"), C("@RSYNCD: 31.0\nbackup\n"))
)

func TestRsync(t *testing.T) {
	wantProtocol(t, rsyncTalk, "rsync", `"version":"31.0"`, `"module":"backup"`)
	wantNot(t, tcp(873, S("@RSYNCX: 31.0\n")), "rsync")
	wantNot(t, tcp(873, C("GET /"), S("@RSYNCD: 31.0\n")), "rsync")
	testTruncations(t, "rsync", rsyncTalk, 14)
	wantNoAllocations(t, "rsync", rsyncTalk)
}

func FuzzRsync(f *testing.F) { fuzzTalks(f, "rsync", rsyncTalk) }
