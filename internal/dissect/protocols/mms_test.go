// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand: the head of a session CONNECT with the abstract syntax in its presentation context list, and a read
// request.
var (
	mmsAssociate = tcp(102, cotpOpen, cotpOpened, CX("0300 001f 02f080 0d 18 05 06 13 01 00 16 01 02 14 02 00 02 c1 "+
		"08 06 05 28 ca 22 02 01 00"))
	mmsRead = tcp(102, CX("0300 001d 02f080 01000100 61 10 30 0e 020103 a0 09 a0 07 020101 a4 02 8000"))
)

func TestMMS(t *testing.T) {
	wantProtocol(t, mmsAssociate, "mms")
	wantProtocol(t, mmsRead, "mms")
	wantNot(t, tcp(102, cotpOpen, cotpOpened, CX("0300 001f 02f080 0d 18 05 06 13 01 00 16 01 02 14 02 00 02 c1 08 "+
		"06 05 28 ca 22 03 01 00")), "mms")
	wantNot(t, s7Setup, "mms")
	testTruncations(t, "mms", mmsAssociate, 99)
	testTruncations(t, "mms", mmsRead, 29)
	wantNoAllocations(t, "mms", mmsAssociate)
}

func FuzzMMS(f *testing.F) { fuzzTalks(f, "mms", mmsAssociate, mmsRead) }
