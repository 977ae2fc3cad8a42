// SPDX-License-Identifier: Apache-2.0

package dissect

import "hash/crc32"

// trdp: the train real-time data protocol: process data and message data, with the header's checksum.
var _ = register(Protocol{
	Name:      "trdp",
	Spec:      "IEC 61375-2-3 Annex A.6, A.7",
	Category:  "industrial",
	Over:      TCP | UDP,
	Ports:     []uint16{17224, 17225},
	Start:     Range(0, 3), // a sequence counter begins it, from 0: 15 days at 20 ms
	MinLength: trdpProcess,
	Heuristic: true,
	Inspect:   inspectTRDP,
})

const (
	trdpProcess = 40  // process data's header; the checksum is its end
	trdpMessage = 116 // message data's
)

func inspectTRDP(c *Conversation, r *Result) Verdict {
	b := c.First()
	if len(b) < trdpProcess {
		return moreIf(c.Transport == TCP)
	}
	header := trdpProcess
	switch kind := string(b[6:8]); kind {
	case "Pd", "Pp", "Pr", "Pe":
	case "Mn", "Mr", "Mp", "Mq", "Mc", "Me":
		header = trdpMessage
	default:
		return No
	}
	if b[4] != 1 || len(b) < header {
		return moreIf(b[4] == 1 && c.Transport == TCP)
	}
	if crc32.ChecksumIEEE(b[:header-4]) != ule32(b[header-4:]) {
		return No
	}
	o := r.Object("trdp")
	o.Text("message_type", b[6:8])
	o.Int("com_id", int64(be32(b[8:])))
	return Yes
}
