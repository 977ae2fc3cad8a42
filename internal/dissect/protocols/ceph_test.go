// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// The banners are those of Ceph's documentation.
var (
	cephOld = tcp(6789, S("ceph v027\x00\x01\x00\x00"))
	cephNew = tcp(3300, S("ceph v2\n\x10\x00"+"\x01\x00\x00\x00\x00\x00\x00\x00"+"\x00\x00\x00\x00\x00\x00\x00\x00"))
)

func TestCeph(t *testing.T) {
	wantProtocol(t, cephOld, "ceph", `"version":1`)
	wantProtocol(t, cephNew, "ceph", `"version":2`)
	wantNot(t, tcp(6789, S("cephalopods\n")), "ceph")
	testTruncations(t, "ceph", cephOld, 9)
	testTruncations(t, "ceph", cephNew, 8)
	wantNoAllocations(t, "ceph", cephOld)
}

func FuzzCeph(f *testing.F) { fuzzTalks(f, "ceph", cephOld, cephNew) }
