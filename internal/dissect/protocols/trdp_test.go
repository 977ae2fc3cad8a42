// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"encoding/binary"
	"hash/crc32"
	"testing"
)

// Built by hand from Annex A.6.
var trdpData = udp(17224, C(trdpHeaderOf("00000001 0100 5064 000003e8 00000000 00000000 00000000 00000000 00000000 "+
	"00000000")))

func trdpHeaderOf(h string) []byte {
	b := unhex(h)
	return binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
}

func TestTRDP(t *testing.T) {
	wantProtocol(t, trdpData, "trdp", `"message_type":"Pd"`, `"com_id":1000`)
	wantNot(t, udp(17224, CX("00000001 0100 5064 000003e8 00000000 00000000 00000000 00000000 00000000 00000000 "+
		"00000000")), "trdp")
	testTruncations(t, "trdp", trdpData, trdpProcess)
	wantNoAllocations(t, "trdp", trdpData)
}

func FuzzTRDP(f *testing.F) { fuzzTalks(f, "trdp", trdpData) }
