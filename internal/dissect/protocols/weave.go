// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// weave: Nest's OpenWeave messages, over UDP and, after their length, over TCP. Traffic with an endpoint of Nest's
// service, where devices upload logs and data, is nest-log-sink.
var weaveProtocol = &dissect.Protocol{
	Name:      "weave",
	Also:      []string{"nest-log-sink"},
	Spec:      "OpenWeave: Weave message format (WeaveMessageLayer), service endpoint identifiers (WeaveServerBase)",
	Category:  "iot",
	Over:      dissect.TCP | dissect.UDP,
	Ports:     []uint16{11095},
	MinLength: weaveHeader,
	Members:   []string{"weave.endpoint"},
	Inspect:   inspectWeave,
}

const (
	weaveHeader      = 6      // message header with version, flags and encryption; message identifier. Little endian
	weaveDestination = 0x0100 // flag: the destination node's identifier follows the source's
	weaveSource      = 0x0200
	weaveNode        = 8
	// weaveOUI is Nest's block of hardware addresses; a device's identifier holds it without its fourth byte.
	weaveOUI = "\x30\xb4\x18"
)

func inspectWeave(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	for _, b := range [2][]byte{c.First(), otherSide(c)} {
		if c.Transport == dissect.TCP {
			if len(b) < 2 {
				continue
			}
			length := le16(b)
			if length < weaveHeader+2*weaveNode {
				return dissect.No
			}
			b = b[2:min(len(b), 2+length)]
		}
		if len(b) < weaveHeader+2*weaveNode {
			continue
		}
		const known = 0xf000 | weaveDestination | weaveSource | 0x0c00 | 0x00f0
		header := le16(b)
		version, encryption := header>>12, header>>4&15
		if version < 1 || version > 2 || encryption > 2 || header&^known != 0 ||
			header&(weaveSource|weaveDestination) != weaveSource|weaveDestination {
			return dissect.No
		}
		source, destination := b[weaveHeader:weaveHeader+weaveNode], b[weaveHeader+weaveNode:weaveHeader+2*weaveNode]
		if string(source[5:]) != weaveOUI && string(destination[5:]) != weaveOUI {
			return dissect.No
		}
		for _, node := range [2][]byte{source, destination} {
			if isNestEndpoint(node) {
				r.SetProtocol("nest-log-sink")
				r.Object("weave").Int("endpoint", int64(le16(node)))
			}
		}
		return dissect.Yes
	}
	return dissect.NeedMore
}
