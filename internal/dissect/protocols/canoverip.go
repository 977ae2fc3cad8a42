// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// can-over-ip: Controller Area Network frames in datagrams, by the CAN standard's number as magic.
var canOverIPProtocol = &dissect.Protocol{
	Name:      "can-over-ip",
	Spec:      "CAN over Ethernet as publicly described (ISO 11898 frames in UDP, port 11898)",
	Category:  "industrial",
	Over:      dissect.UDP,
	Ports:     []uint16{11898},
	Start:     dissect.FirstBytes("ISO11898"),
	MinLength: len(canMagic) + 3,
	Members:   []string{"can_over_ip.version"},
	Inspect:   inspectCANOverIP,
}

const canMagic = "ISO11898" // then version, number of frames, options

func inspectCANOverIP(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	b := c.First()
	if len(b) < len(canMagic)+3 || !hasPrefix(b, canMagic) {
		return dissect.No
	}
	o := r.Object("can_over_ip")
	o.Int("version", int64(b[len(canMagic)]))
	return dissect.Yes
}
