// SPDX-License-Identifier: Apache-2.0

package packet

import (
	"crypto/sha1" //nolint:gosec // the specification's hash
	"encoding/base64"
)

// AppendCommunityID appends a Community ID (version 1, seed 0; specification of corelight/community-id-spec) of
// addresses of 4 or 16 bytes, in the specification's order, and of what it takes as their ports; nil for a protocol
// that has none.
func AppendCommunityID(b []byte, proto uint8, first, second, ports []byte) []byte {
	var in [2 + 16 + 16 + 2 + 4]byte // seed, addresses, protocol and padding, ports
	n := 2
	n += copy(in[n:2+16], first)
	n += copy(in[n:2+16+16], second)
	in[n] = proto
	n += 2
	n += copy(in[n:], ports)
	sum := sha1.Sum(in[:n]) //nolint:gosec // as above
	b = append(b, "1:"...)
	return base64.StdEncoding.AppendEncode(b, sum[:])
}
