// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// testOnIP tests a protocol over IP with one of its messages and with one that violates a check.
func testOnIP(t *testing.T, protocol string, right talk, minimum int, wrong talk, members ...string) {
	t.Helper()
	wantProtocol(t, right, protocol, members...)
	wantNot(t, wrong, protocol)
	testTruncations(t, protocol, right, minimum)
	wantNoAllocations(t, protocol, right)
}
