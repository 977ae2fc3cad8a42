// SPDX-License-Identifier: Apache-2.0

package dissect

import "testing"

// iscsiLoginMessage builds a login message with no padding.
func iscsiLoginMessage(opcode byte, text string) []byte {
	b := make([]byte, iscsiHeader, iscsiHeader+len(text))
	b[0], b[7] = opcode, byte(len(text))
	return append(b, text...)
}

// Built from RFC 7143 §11.12.
var (
	iscsiTalk = tcp(3260, C(iscsiLoginMessage(0x43, "InitiatorName=iqn.2001-04.com.example\x00TargetName=iqn.2001-04.com.target\x00")), S(iscsiLoginMessage(0x23, "TargetPortalGroupTag=1\x00")))
)

func TestISCSI(t *testing.T) {
	wantProtocol(t, iscsiTalk, "iscsi", `"initiator":"iqn.2001-04.com.example"`, `"target":"iqn.2001-04.com.target"`)
	wantNot(t, tcp(3260, C(iscsiLoginMessage(0x43, ""))), "iscsi")
	wantNot(t, tcp(3260, C(iscsiLoginMessage(0x43, "novalue\x00"))), "iscsi")
	testTruncations(t, "iscsi", iscsiTalk, 48)
	wantNoAllocations(t, "iscsi", iscsiTalk)
}

func FuzzISCSI(f *testing.F) { fuzzTalks(f, "iscsi", iscsiTalk) }
