// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// The messages are built after RFC 1350 §5 and RFC 2347.
var (
	tftpGet      = udp(69, C("\x00\x01boot.cfg\x00octet\x00blksize\x001428\x00"))
	tftpBlocks   = udp(40000, S("\x00\x03\x00\x01hello"), C("\x00\x04\x00\x01"))
	tftpOptions  = udp(40000, S("\x00\x06blksize\x001428\x00"))
	tftpMidBlock = udp(40000, C("\x00\x04\x01\x01"), S("\x00\x03\x01\x02hello"))
)

func TestTFTP(t *testing.T) {
	h := wantProtocol(t, tftpGet, "tftp", `"operation":"read"`, `"filename":"boot.cfg"`, `"mode":"octet"`)
	if len(h.Expectations) != 1 || h.Expectations[0].Server.Port() != 49152 || !h.Expectations[0].ServerFirst {
		t.Errorf("expectations %v", h.Expectations)
	}
	for _, k := range []talk{tftpBlocks, tftpOptions, tftpMidBlock} {
		wantProtocol(t, k, "tftp")
	}
	wantNot(t, udp(69, C("\x00\x01boot.cfg\x00fast\x00")), "tftp")
	wantNot(t, udp(40000, S("\x00\x03\x00\x01hello"), C("\x00\x04\x00\x02")), "tftp")
	wantNot(t, udp(40000, S("\x00\x03\x00\x01hello"), C("\x00\x04\x00\x01x")), "tftp")
	testTruncations(t, "tftp", tftpGet, 17)
	testTruncations(t, "tftp", tftpBlocks, 99)
	wantNoAllocations(t, "tftp", tftpGet)
	wantNoAllocations(t, "tftp", tftpBlocks)
}

func FuzzTFTP(f *testing.F) { fuzzTalks(f, "tftp", tftpGet, tftpBlocks, tftpOptions) }
