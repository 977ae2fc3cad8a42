// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built from the example of gitprotocol-pack(5).
var (
	gitClone = tcp(9418, C("0033git-upload-pack /project.git\x00host=myserver.com\x00"))
)

func TestGit(t *testing.T) {
	if h := wantProtocol(t, gitClone, "git", `"service":"git-upload-pack"`,
		`"path":"/project.git"`); h.Host != "myserver.com" {
		t.Errorf("host %q", h.Host)
	}
	wantProtocol(t, tcp(9418, S("00327217a7c7e582c46cec22a130adf4b9d7d950fba0 HEAD\x00\n")), "git")
	wantProtocol(t, tcp(9418, S("000eversion 2\n")), "git")
	wantNot(t, tcp(9418, C("0008git-")), "git")
	wantNot(t, tcp(9418, C("0032 words")), "git")
	testTruncations(t, "git", gitClone, 51)
	wantNoAllocations(t, "git", gitClone)
}

func FuzzGit(f *testing.F) { fuzzTalks(f, "git", gitClone) }
