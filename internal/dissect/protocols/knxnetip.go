// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// knxnet-ip: KNXnet/IP services, by the header, whose total length fits.
var knxnetIPProtocol = &dissect.Protocol{
	Name:      "knxnet-ip",
	Spec:      "ISO 22510:2019 (KNXnet/IP) §5.3",
	Category:  "iot",
	Over:      dissect.TCP | dissect.UDP,
	Ports:     []uint16{3671},
	Start:     dissect.BytesOf(knxHeader),
	MinLength: knxHeader,
	Members:   []string{"knxnet_ip.service"},
	Inspect:   inspectKNXnetIP,
}

const knxHeader = 6 // its own length, version 1.0, service, total length

func inspectKNXnetIP(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	b := c.First()
	if len(b) < knxHeader {
		return moreIf(couldBe(b, "\x06\x10"))
	}
	service, length := be16(b[2:]), be16(b[4:])
	if b[0] != knxHeader || b[1] != 0x10 || !knxService(service) || length < knxHeader+2 {
		return dissect.No
	}
	if c.Transport == dissect.UDP && length != c.Datagrams[0].Length || c.Transport == dissect.TCP && length > len(b) {
		return moreIf(c.Transport == dissect.TCP)
	}
	r.Object("knxnet_ip").Int("service", int64(service))
	return dissect.Yes
}

// knxService reports whether the service belongs to core, device management, tunnelling, routing, remote diagnosis, or
// security.
func knxService(s int) bool {
	switch {
	case s >= 0x0201 && s <= 0x020c, s >= 0x0310 && s <= 0x0311, s >= 0x0420 && s <= 0x0425,
		s >= 0x0530 && s <= 0x0533, s >= 0x0740 && s <= 0x0743, s >= 0x0950 && s <= 0x0955:
		return true
	}
	return false
}
