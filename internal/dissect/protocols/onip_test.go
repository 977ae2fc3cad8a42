// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// testOnIP tests a protocol on IP by a message of its own and by one that differs in what is checked.
func testOnIP(t *testing.T, protocol string, right talk, minimum int, wrong talk, members ...string) {
	t.Helper()
	wantProtocol(t, right, protocol, members...)
	wantNot(t, wrong, protocol)
	testTruncations(t, protocol, right, minimum)
	wantNoAllocations(t, protocol, right)
}
