// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built from Gearman's PROTOCOL text: CAN_DO "reverse".
var (
	gearmanTalk = tcp(4730, C("\x00REQ\x00\x00\x00\x01\x00\x00\x00\x07reverse"))
)

func TestGearman(t *testing.T) {
	wantProtocol(t, gearmanTalk, "gearman")
	wantProtocol(t, tcp(1, S("\x00RES\x00\x00\x00\x0a\x00\x00\x00\x00")), "gearman")
	wantNot(t, tcp(4730, C("\x00REQ\x00\x00\x01\x00\x00\x00\x00\x07")), "gearman")
	wantNot(t, tcp(4730, C("\x00REG\x00\x00\x00\x01\x00\x00\x00\x07")), "gearman")
	testTruncations(t, "gearman", gearmanTalk, 12)
	wantNoAllocations(t, "gearman", gearmanTalk)
}

func FuzzGearman(f *testing.F) { fuzzTalks(f, "gearman", gearmanTalk) }
