// SPDX-License-Identifier: Apache-2.0

package dissect

// can-over-ip: frames of a controller area network in datagrams, behind the number of the CAN standard.
var _ = register(Protocol{
	Name:      "can-over-ip",
	Spec:      "CAN over Ethernet as publicly described (ISO 11898 frames in UDP, port 11898)",
	Category:  "industrial",
	Over:      UDP,
	Ports:     []uint16{11898},
	Start:     Firsts("ISO11898"),
	MinLength: len(canMagic) + 3,
	Inspect:   inspectCANOverIP,
})

const canMagic = "ISO11898" // then version, number of frames, options

func inspectCANOverIP(c *Conversation, r *Result) Verdict {
	b := c.First()
	if len(b) < len(canMagic)+3 || !hasPrefix(b, canMagic) {
		return No
	}
	o := r.Object("can_over_ip")
	o.Int("version", int64(b[len(canMagic)]))
	return Yes
}
