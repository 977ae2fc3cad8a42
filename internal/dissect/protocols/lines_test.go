// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// wantCleartext fails unless the talk gets that name and, as its only risk, cleartext credentials.
func wantCleartext(t *testing.T, k talk, protocol string) {
	t.Helper()
	if h := wantProtocol(t, k, protocol); len(h.Risks) != 1 || h.Risks[0] != "cleartext-credentials" {
		t.Errorf("%s: risks %v", protocol, h.Risks)
	}
}
