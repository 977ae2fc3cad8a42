// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// openwire: ActiveMQ's protocol, by the wire format information that both sides send first.
var openwireProtocol = &dissect.Protocol{
	Name:      "openwire",
	Spec:      "ActiveMQ OpenWire version 2 specification, \"WireFormatInfo\"",
	Category:  "message-queue",
	Over:      dissect.TCP,
	Ports:     []uint16{61616},
	Start:     dissect.BytesOf(0),
	MinLength: openwireHeader,
	Members:   []string{"openwire.version"},
	Inspect:   inspectOpenWire,
}

const openwireHeader = 4 + 1 + 8 // length, type 1, magic; then the version

func inspectOpenWire(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	b := c.First()
	if len(b) < openwireHeader+4 {
		return moreIf(len(b) < openwireHeader || string(b[5:openwireHeader]) == "ActiveMQ")
	}
	if b[4] != 1 || string(b[5:openwireHeader]) != "ActiveMQ" {
		return dissect.No
	}
	r.Object("openwire").Int("version", int64(be32(b[openwireHeader:])))
	return dissect.Yes
}
