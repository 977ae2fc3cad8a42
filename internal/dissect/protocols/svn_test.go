// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built from the protocol description of Subversion's libsvn_ra_svn.
var (
	svnTalk = tcp(3690, S("( success ( 2 2 ( ) ( edit-pipeline svndiff1 ) ) ) "),
		C("( 2 ( edit-pipeline ) 27:svn://svn.example.com/repos ) "))
)

func TestSVN(t *testing.T) {
	if h := wantProtocol(t, svnTalk, "svn"); h.Host != "svn.example.com" {
		t.Errorf("host %q", h.Host)
	}
	wantNot(t, tcp(3690, S("( success ) ")), "svn")
	wantNot(t, tcp(3690, C("( 2 ( ")), "svn")
	testTruncations(t, "svn", svnTalk, 18)
	wantNoAllocations(t, "svn", svnTalk)
}

func FuzzSVN(f *testing.F) { fuzzTalks(f, "svn", svnTalk) }
