// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// After the examples of RFC 3977 §5.
var nntpReader = tcp(119, S("200 Reader Service Ready, posting permitted\r\n"), C("MODE READER\r\n"), S("200 ok\r\n"),
	C("AUTHINFO USER a\r\n"), C("AUTHINFO PASS b\r\n"))

func TestNNTP(t *testing.T) {
	wantProtocol(t, nntpReader, "nntp", `"greeting":"200 Reader`)
	wantCleartext(t, nntpReader, "nntp")
	wantNot(t, tcp(119, S("200 OK\r\n"), C("USER a\r\n")), "nntp")
	testTruncations(t, "nntp", nntpReader, 10)
	wantNoAllocations(t, "nntp", nntpReader)
}

func FuzzNNTP(f *testing.F) { fuzzTalks(f, "nntp", nntpReader) }
