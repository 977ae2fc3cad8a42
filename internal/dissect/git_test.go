// SPDX-License-Identifier: Apache-2.0

package dissect

import "testing"

// Built from the example of gitprotocol-pack(5).
var (
	gitClone = tcp(9418, C("0033git-upload-pack /project.git\x00host=myserver.com\x00"))
)

func TestGit(t *testing.T) {
	if h := wantProtocol(t, gitClone, "git", `"service":"git-upload-pack"`, `"path":"/project.git"`); h.host != "myserver.com" {
		t.Errorf("host %q", h.host)
	}
	wantNot(t, tcp(9418, C("0008git-")), "git")
	wantNot(t, tcp(9418, C("0032 words")), "git")
	testTruncations(t, "git", gitClone, 51)
	wantNoAllocations(t, "git", gitClone)
}

func FuzzGit(f *testing.F) { fuzzTalks(f, "git", gitClone) }
