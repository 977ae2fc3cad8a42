// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand: the opening of X.224 §13.3, then a message with its trailer.
var s7PlusTalk = tcp(102, cotpOpen, cotpOpened, CX("0300 0013 02f080 72 01 0004 31000000 72 01 0000"))

func TestS7commPlus(t *testing.T) {
	wantProtocol(t, s7PlusTalk, "s7comm-plus", `"version":1`)
	testTruncations(t, "s7comm", s7PlusTalk, 99)
	wantNoAllocations(t, "s7comm", s7PlusTalk)
}
