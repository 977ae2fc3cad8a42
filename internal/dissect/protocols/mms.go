// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
)

// mms: Manufacturing Message Specification in ISO transport, by the object identifiers that open an association.
var mmsProtocol = &dissect.Protocol{
	Name:      "mms",
	Spec:      "ISO 9506-2; RFC 1006 §6; X.225 §8.3; X.226 §8.2",
	Category:  "industrial",
	Over:      dissect.TCP,
	Ports:     []uint16{102},
	Start:     dissect.BytesOf(3),
	MinLength: tpktHeader + 3,
	Inspect:   inspectMMS,
}

const (
	mmsConnect = 0x0d // session CONNECT
	mmsAccept  = 0x0e
	mmsGive    = 0x01 // GIVE TOKENS, then DATA TRANSFER with the same code, each of length 0: X.225 §8.3.11
	// mmsSyntax is mms-abstract-syntax-version1, 1.0.9506.2.1, in BER (after tag and length).
	mmsSyntax = "\x06\x05\x28\xca\x22\x02\x01"
)

func inspectMMS(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	for _, b := range [2][]byte{c.ToServer(), c.ToClient()} {
		data, ok := firstCOTPData(b)
		if !ok {
			return dissect.No
		}
		if len(data) == 0 {
			continue
		}
		if (data[0] == mmsConnect || data[0] == mmsAccept) && bytes.Contains(data, []byte(mmsSyntax)) {
			return dissect.Yes
		}
		if mmsData(data) {
			return dissect.Yes
		}
		if data[0] != mmsConnect && data[0] != mmsAccept {
			return dissect.No
		}
	}
	return dissect.NeedMore
}

// mmsData reports whether b is an MMS message in mid-flow: two empty session headers, presentation user data (61), a
// list (30), the presentation context (02 01, an odd number), a single value (a0), the message (a0 to ab), all of
// fitting lengths.
func mmsData(b []byte) bool {
	if len(b) < 14 || string(b[:4]) != "\x01\x00\x01\x00" || b[4] != 0x61 {
		return false
	}
	b = b[4:]
	for _, tag := range [...]byte{0x61, 0x30} {
		n, size := mmsLength(b)
		if b[0] != tag || size == 0 || size+n != len(b) || n < 4 {
			return false
		}
		b = b[size:]
	}
	if b[0] != 0x02 || b[1] != 1 || b[2]&1 != 1 || b[3] != 0xa0 {
		return false
	}
	n, size := mmsLength(b[3:])
	return size > 0 && 3+size+n == len(b) && n >= 2 && b[3+size] >= 0xa0 && b[3+size] <= 0xad
}

// mmsLength reads a BER length of at most 2 bytes after the tag at b[0]; size is 0 if b has none.
func mmsLength(b []byte) (n, size int) {
	switch {
	case len(b) >= 2 && b[1] < 0x80:
		return int(b[1]), 2
	case len(b) >= 3 && b[1] == 0x81:
		return int(b[2]), 3
	case len(b) >= 4 && b[1] == 0x82:
		return be16(b[2:]), 4
	}
	return 0, 0
}
