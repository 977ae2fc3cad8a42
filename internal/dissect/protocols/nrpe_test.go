// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"encoding/binary"
	"hash/crc32"
	"testing"
)

// nrpePacket is built by hand from the layout.
func nrpePacket(version, kind uint16, text string) []byte {
	b := make([]byte, nrpeHeader)
	if version > 2 {
		b = append(b, 0, 0, 0, 0, 0, byte(len(text)))
	}
	b = append(b, text...)
	if version == 2 {
		b = append(b, make([]byte, nrpeSize2-len(b))...)
	}
	binary.BigEndian.PutUint16(b, version)
	binary.BigEndian.PutUint16(b[2:], kind)
	binary.BigEndian.PutUint32(b[4:], crc32.ChecksumIEEE(b))
	return b
}

var (
	nrpeQuery2 = tcp(5666, C(nrpePacket(2, 1, "check_load")), S(nrpePacket(2, 2, "OK - load average: 0.1")))
	nrpeQuery4 = tcp(5666, C(nrpePacket(4, 1, "_NRPE_CHECK")))
)

func TestNRPE(t *testing.T) {
	wantProtocol(t, nrpeQuery2, "nrpe", `"version":2`, `"command":"check_load"`)
	wantProtocol(t, nrpeQuery4, "nrpe", `"version":4`, `"command":"_NRPE_CHECK"`)
	bad := nrpePacket(2, 1, "check_load")
	bad[500] = 1
	wantNot(t, tcp(5666, C(bad)), "nrpe")
	testTruncations(t, "nrpe", nrpeQuery2, nrpeSize2)
	testTruncations(t, "nrpe", nrpeQuery4, 27)
	wantNoAllocations(t, "nrpe", nrpeQuery2)
}

func FuzzNRPE(f *testing.F) { fuzzTalks(f, "nrpe", nrpeQuery2, nrpeQuery4) }
