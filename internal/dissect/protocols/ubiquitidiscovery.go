// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// ubiquiti-discovery: self-descriptions of Ubiquiti's devices: fields of type and length that fill the message. The
// layout follows public descriptions.
var ubiquitiDiscoveryProtocol = &dissect.Protocol{
	Name:      "ubiquiti-discovery",
	Spec:      "Ubiquiti discovery protocol versions 1 and 2 as publicly described",
	Category:  "network",
	Over:      dissect.UDP,
	Ports:     []uint16{ubiquitiPort},
	Start:     dissect.BytesOf(1, 2),
	MinLength: ubiquitiHeader,
	Members: []string{"ubiquiti_discovery.firmware", "ubiquiti_discovery.hostname", "ubiquiti_discovery.model",
		"ubiquiti_discovery.platform", "ubiquiti_discovery.ssid", "ubiquiti_discovery.version"},
	Inspect: inspectUbiquiti,
}

const (
	ubiquitiPort   = 10001
	ubiquitiHeader = 4 // version, command, length of the fields
	ubiquitiField  = 3 // type, length
	ubiquitiFields = 64
)

func inspectUbiquiti(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	for i := range c.Datagrams {
		b := c.Datagrams[i].Payload
		if len(b) < ubiquitiHeader || b[0] != 1 && b[0] != 2 || ubiquitiHeader+be16(b[2:]) != c.Datagrams[i].Length {
			return dissect.No
		}
		if len(b) == ubiquitiHeader {
			if !c.HasPort(ubiquitiPort) {
				return dissect.No // a question has only 32 bits, most of them zeros
			}
			continue
		}
		if !ubiquitiAnswer(b, r) {
			return dissect.No
		}
		return dissect.Yes
	}
	return dissect.Yes
}

// ubiquitiAnswer walks the fields of an answer, which include a hardware address.
func ubiquitiAnswer(b []byte, r *dissect.Result) bool {
	const address, addresses, firmware, name, platform, network, model = 1, 2, 3, 0x0b, 0x0c, 0x0d, 0x14
	o := r.Object("ubiquiti_discovery")
	o.Int("version", int64(b[0]))
	hasAddress := false
	rest := b[ubiquitiHeader:]
	for range ubiquitiFields {
		if len(rest) == 0 {
			break
		}
		if len(rest) < ubiquitiField || len(rest) < ubiquitiField+be16(rest[1:]) {
			return false
		}
		value := rest[ubiquitiField : ubiquitiField+be16(rest[1:])]
		switch rest[0] {
		case address:
			hasAddress = hasAddress || len(value) == 6
		case addresses:
			hasAddress = hasAddress || len(value) == 10
		case firmware:
			o.Text("firmware", value)
		case name:
			o.Text("hostname", value)
		case platform:
			o.Text("platform", value)
		case network:
			o.Text("ssid", value)
		case model:
			o.Text("model", value)
		}
		rest = rest[ubiquitiField+len(value):]
	}
	return hasAddress && len(rest) == 0
}
