// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// The example of RFC 1436 §2, shortened, and a menu's line of text.
var (
	gopherMenu = tcp(70, C("\r\n"), S("0About internet Gopher\tStuff:About us\trawBits.micro.umn.edu\t70\r\n1Around "+
		"University of Minnesota\tZ,5692,AUM\tunderdog.micro.umn.edu\t70\r\n.\r\n"))
	gopherText = tcp(70, C("/docs\r\n"), S("iWelcome\tfake\t(NULL)\t0\r\n"))
)

func TestGopher(t *testing.T) {
	wantProtocol(t, gopherMenu, "gopher", `"host":"rawBits.micro.umn.edu"`)
	wantProtocol(t, gopherText, "gopher", `"selector":"/docs"`)
	wantNot(t, tcp(70, C("\r\n"), S("0About\tStuff\thost\tseventy\r\n")), "gopher")
	wantNot(t, tcp(70, C("\r\n"), S("0About us\r\n")), "gopher")
	testTruncations(t, "gopher", gopherMenu, 99)
	testTruncations(t, "gopher", gopherText, 99)
	wantNoAllocations(t, "gopher", gopherMenu)
}

func FuzzGopher(f *testing.F) { fuzzTalks(f, "gopher", gopherMenu, gopherText) }
