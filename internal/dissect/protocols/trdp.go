// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"hash/crc32"

	"github.com/weirnet/weir/internal/dissect"
)

// trdp: Train Real-time Data Protocol: process data and message data, by the header's checksum.
var trdpProtocol = &dissect.Protocol{
	Name:      "trdp",
	Spec:      "IEC 61375-2-3 Annex A.6, A.7",
	Category:  "industrial",
	Over:      dissect.TCP | dissect.UDP,
	Ports:     []uint16{17224, 17225},
	Start:     dissect.ByteRange(0, 3), // begins with a sequence counter from 0: 15 days at 20 ms
	MinLength: trdpProcess,
	Heuristic: true,
	Members:   []string{"trdp.com_id", "trdp.message_type"},
	Inspect:   inspectTRDP,
}

const (
	trdpProcess = 40  // process data's header, which ends with the checksum
	trdpMessage = 116 // message data's
)

func inspectTRDP(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	b := c.First()
	if len(b) < trdpProcess {
		return moreIf(c.Transport == dissect.TCP)
	}
	header := trdpProcess
	switch kind := string(b[6:8]); kind {
	case "Pd", "Pp", "Pr", "Pe":
	case "Mn", "Mr", "Mp", "Mq", "Mc", "Me":
		header = trdpMessage
	default:
		return dissect.No
	}
	if b[4] != 1 || len(b) < header {
		return moreIf(b[4] == 1 && c.Transport == dissect.TCP)
	}
	if crc32.ChecksumIEEE(b[:header-4]) != ule32(b[header-4:]) {
		return dissect.No
	}
	o := r.Object("trdp")
	o.Text("message_type", b[6:8])
	o.Int("com_id", int64(be32(b[8:])))
	return dissect.Yes
}
