// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"fmt"
	"testing"
)

// gdbPacket frames a text as a packet.
func gdbPacket(body string) string {
	sum := byte(0)
	for i := range len(body) {
		sum += body[i]
	}
	return fmt.Sprintf("$%s#%02x", body, sum)
}

// Built by hand from appendix E: the first query, and registers read in the middle of a session.
var (
	gdbSupported = tcp(2159, C("+"+gdbPacket("qSupported:multiprocess+;swbreak+")),
		S("+"+gdbPacket("PacketSize=47ff;QPassSignals+")))
	gdbMidflow = tcp(1234, C(gdbPacket("g")), S("+"+gdbPacket("0000000000000000")), C("+"+gdbPacket("m7ffff000,4")),
		S("+"+gdbPacket("01020304")))
)

func TestGDBServer(t *testing.T) {
	wantProtocol(t, gdbSupported, "gdbserver", `"packet":"qSupported:multiprocess+;swbreak+"`)
	wantProtocol(t, gdbMidflow, "gdbserver")
	wantNot(t, tcp(2159, C("$qSupported:multiprocess+#00")), "gdbserver")
	wantNot(t, tcp(2159, C("+++ATH0\r\n")), "gdbserver")
	testTruncations(t, "gdbserver", gdbSupported, len(gdbSupported.Says[0].Bytes))
	testTruncations(t, "gdbserver", gdbMidflow, 99)
	wantNoAllocations(t, "gdbserver", gdbSupported)
}

func FuzzGDBServer(f *testing.F) { fuzzTalks(f, "gdbserver", gdbSupported, gdbMidflow) }
