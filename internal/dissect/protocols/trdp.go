// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"hash/crc32"

	"github.com/weirnet/weir/internal/dissect"
)

// trdp: the train real-time data protocol: process data and message data, with the header's checksum.
var trdpProtocol = &dissect.Protocol{
	Name:      "trdp",
	Spec:      "IEC 61375-2-3 Annex A.6, A.7",
	Category:  "industrial",
	Over:      dissect.TCP | dissect.UDP,
	Ports:     []uint16{17224, 17225},
	Start:     dissect.ByteRange(0, 3), // a sequence counter begins it, from 0: 15 days at 20 ms
	MinLength: trdpProcess,
	Heuristic: true,
	Inspect:   inspectTRDP,
}

const (
	trdpProcess = 40  // process data's header; the checksum is its end
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
