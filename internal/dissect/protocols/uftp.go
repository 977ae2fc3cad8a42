// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
)

// uftp: multicast file transfer, versions 4 and 5.
var uftpProtocol = &dissect.Protocol{
	Name: "uftp", Spec: "UFTP protocol description, versions 4 and 5: common header", Category: "file-transfer",
	Over: dissect.UDP, Ports: []uint16{1044}, Start: dissect.BytesOf(0x40, 0x50), MinLength: uftpHeader + 4,
	Heuristic: true,
	Members:   []string{"uftp.version"},
	Inspect:   inspectUFTP,
}

// uftpHeader is version, message type, sequence number, source, group, group's instance, round-trip time, group size,
// reserved.
const uftpHeader = 16

// inspectUFTP wants two consecutive messages of one sender to one group.
func inspectUFTP(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	newest := c.Newest()
	if !isUFTP(newest.Payload) {
		return dissect.No
	}
	b := newest.Payload
	for i := range c.Datagrams[:len(c.Datagrams)-1] {
		d := &c.Datagrams[i]
		if !isUFTP(d.Payload) || d.Payload[0] != b[0] {
			return dissect.No
		}
		if d.FromClient == newest.FromClient && bytes.Equal(d.Payload[4:13], b[4:13]) &&
			uint16(be16(b[2:])-be16(d.Payload[2:])) == 1 {
			r.Object("uftp").Int("version", int64(b[0]>>4))
			return dissect.Yes
		}
	}
	return dissect.NeedMore
}

func isUFTP(b []byte) bool {
	const lastType = 18
	return len(b) >= uftpHeader+4 && (b[0] == 0x40 || b[0] == 0x50) && b[1] > 0 && b[1] <= lastType && b[15] == 0 &&
		!isZero(b[4:8]) && !isZero(b[8:12])
}
