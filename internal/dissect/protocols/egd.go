// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// egd: GE's Ethernet Global Data: the header of a production message.
var egdProtocol = &dissect.Protocol{
	Name:      "egd",
	Spec:      "GE Fanuc GFK-1541, \"Ethernet Global Data packet structure\"",
	Category:  "industrial",
	Over:      dissect.UDP,
	Ports:     []uint16{egdPort},
	Start:     dissect.BytesOf(13),
	MinLength: egdHeader,
	Members:   []string{"egd.exchange_id"},
	Inspect:   inspectEGD,
}

const (
	egdPort   = 18246
	egdHeader = 32 // type, version, request, producer, exchange, time (8), status, signature, reserved; little endian
)

func inspectEGD(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	b := c.First()
	const second = 1e9 // nanoseconds
	if len(b) < egdHeader || b[0] != 13 || b[1] != 1 || le32(b[28:]) != 0 || le32(b[4:]) == 0 ||
		le32(b[16:]) >= second {
		return dissect.No
	}
	// Half of those bits are zeros: at foreign ports, the next production must come from the same producer.
	again := 0
	for i := range c.Datagrams {
		if d := c.Datagrams[i].Payload; len(d) >= egdHeader && string(d[:2]) == string(b[:2]) &&
			string(d[4:12]) == string(b[4:12]) {
			again++
		}
	}
	if again < 2 && !c.HasPort(egdPort) {
		return dissect.NeedMore
	}
	o := r.Object("egd")
	o.Int("exchange_id", int64(le32(b[8:])))
	return dissect.Yes
}
