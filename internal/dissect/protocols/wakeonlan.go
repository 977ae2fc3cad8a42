// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// wake-on-lan: the magic packet in a datagram (AMD, "Magic Packet Technology", 20213).
var wakeOnLANProtocol = &dissect.Protocol{
	Name:      "wake-on-lan",
	Spec:      "AMD white paper 20213",
	Category:  "network",
	Over:      dissect.UDP,
	Ports:     []uint16{7, 9},
	Start:     dissect.BytesOf(0xff),
	MinLength: wakeSize,
	Members:   []string{"wake_on_lan.mac"},
	Inspect:   inspectWakeOnLAN,
}

const (
	wakeSync    = 6
	wakeAddress = 6
	wakeRepeats = 16
	wakeSize    = wakeSync + wakeRepeats*wakeAddress
	// wakePassword is the maximum length of a password: SecureOn has six bytes, others four.
	wakePassword = 6
)

func inspectWakeOnLAN(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	b := c.First()
	if len(b) < wakeSize || len(b) > wakeSize+wakePassword {
		return dissect.No
	}
	for _, x := range b[:wakeSync] {
		if x != 0xff {
			return dissect.No
		}
	}
	address := b[wakeSync : wakeSync+wakeAddress]
	for i := range wakeRepeats {
		if at := wakeSync + i*wakeAddress; string(b[at:at+wakeAddress]) != string(address) {
			return dissect.No
		}
	}
	if string(address) == "\xff\xff\xff\xff\xff\xff" {
		return dissect.No // all ones: no machine's address
	}
	var text [17]byte
	r.Object("wake_on_lan").Text("mac", appendMAC(text[:0], address))
	return dissect.Yes
}
