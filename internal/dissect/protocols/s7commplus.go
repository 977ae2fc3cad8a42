// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

const (
	s7PlusMagic  = 0x72
	s7PlusHeader = 4 // magic, version, length
)

// s7Plus checks the header and, in a complete message, the trailer that repeats magic and version with length 0.
func s7Plus(b []byte, r *dissect.Result) dissect.Verdict {
	if len(b) < s7PlusHeader {
		return dissect.No
	}
	length, version := be16(b[2:]), b[1]
	end := s7PlusHeader + length
	if version == 0 || version > 3 && version != 0xfe && version != 0xff || end > len(b) && len(b) < 256 {
		return dissect.No
	}
	if rest := b[min(end, len(b)):]; len(rest) >= 4 && (rest[0] != s7PlusMagic || rest[2] != 0 || rest[3] != 0) {
		return dissect.No
	}
	r.SetProtocol("s7comm-plus")
	r.Object("s7comm_plus").Int("version", int64(version))
	return dissect.Yes
}
