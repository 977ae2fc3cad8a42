// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"strings"
	"testing"
)

// Built by hand from the specification's field tables.
var bitcoinVersion = tcp(8333, C("\xf9\xbe\xb4\xd9version\x00\x00\x00\x00\x00\x66\x00\x00\x00\x01\x02\x03\x04"+
	strings.Repeat("\x01", 80)+"\x10/Satoshi:27.0.0/\x00\x00\x00\x00\x01"))

func TestBitcoin(t *testing.T) {
	wantProtocol(t, bitcoinVersion, "bitcoin", `"command":"version"`, `"client":"/Satoshi:27.0.0/"`)
	wantNot(t, tcp(8333, C("\xf9\xbe\xb4\xd9ver\x00ion\x00\x00\x00\x00\x00\x66\x00\x00\x00\x01\x02\x03\x04")),
		"bitcoin")
	testTruncations(t, "bitcoin", bitcoinVersion, 24)
	wantNoAllocations(t, "bitcoin", bitcoinVersion)
}

func FuzzBitcoin(f *testing.F) { fuzzTalks(f, "bitcoin", bitcoinVersion) }
