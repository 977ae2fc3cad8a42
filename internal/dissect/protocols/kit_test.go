// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"testing"

	"github.com/weirnet/weir/internal/dissect"
	"github.com/weirnet/weir/internal/dissect/dissecttest"
)

// dissecttest under short names, bound to the table of all protocols: tests of dissectors use these.

// testTable is the table of all protocols.
var testTable = dissect.NewTable(All())

type (
	// say is one message of a script, talk a whole conversation, heard a session's result.
	say   = dissecttest.Say
	talk  = dissecttest.Talk
	heard = dissecttest.Heard
)

// C returns a message of the client, S one of the server; CX and SX decode theirs from hexadecimal, with white space
// and "|" anywhere.
func C[T string | []byte](b T) say { return dissecttest.C(b) }
func S[T string | []byte](b T) say { return dissecttest.S(b) }
func CX(hex string) say            { return dissecttest.CX(hex) }
func SX(hex string) say            { return dissecttest.SX(hex) }
func unhex(hex string) []byte      { return dissecttest.Unhex(hex) }

// tcp, udp and ip return conversations over that transport.
func tcp(serverPort uint16, says ...say) talk { return dissecttest.TCP(serverPort, says...) }
func udp(serverPort uint16, says ...say) talk { return dissecttest.UDP(serverPort, says...) }
func ip(protocol uint8, says ...say) talk     { return dissecttest.IP(protocol, says...) }

// listen feeds a talk to a new session, with the default budgets.
func listen(t testing.TB, k talk) heard {
	t.Helper()
	return dissecttest.Listen(t, testTable, k)
}

// wantProtocol fails unless the whole table names the talk's protocol so, and the metadata holds each of the members.
func wantProtocol(t *testing.T, k talk, protocol string, members ...string) heard {
	t.Helper()
	return dissecttest.WantProtocol(t, testTable, k, protocol, members...)
}

// wantNot fails if the whole table gives the talk that name.
func wantNot(t *testing.T, k talk, protocol string) {
	t.Helper()
	dissecttest.WantNot(t, testTable, k, protocol)
}

// testTruncations feeds every cut of every message of the talk; cut before minimum bytes of the first, it must stay
// unnamed.
func testTruncations(t *testing.T, protocol string, k talk, minimum int) {
	t.Helper()
	dissecttest.TryTruncations(t, testTable, protocol, k, minimum)
}

// wantNoAllocations fails if the talk allocates in a used pool.
func wantNoAllocations(t *testing.T, protocol string, k talk) {
	t.Helper()
	dissecttest.WantNoAllocations(t, testTable, protocol, k)
}

// fuzzTalks fuzzes one protocol's dissector with whole conversations, and plays the seeds, whole and in part, to the
// whole table.
func fuzzTalks(f *testing.F, protocol string, seeds ...talk) {
	f.Helper()
	dissecttest.Fuzz(f, testTable, protocol, seeds...)
}
