// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// miio: the local protocol of Xiaomi's devices: a header with magic and length, then ciphertext. The layout follows
// public descriptions.
var miioProtocol = &dissect.Protocol{
	Name:      "miio",
	Spec:      "Xiaomi miIO binary protocol as publicly described",
	Category:  "iot",
	Over:      dissect.UDP,
	Ports:     []uint16{54321},
	Start:     dissect.BytesOf(0x21),
	MinLength: miioHeader,
	Members:   []string{"miio.device_id"},
	Inspect:   inspectMiIO,
}

const miioHeader = 32 // magic, total length, unknown (4), device, time stamp, checksum (16)

func inspectMiIO(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	d := &c.Datagrams[0]
	b := d.Payload
	if len(b) < miioHeader || b[0] != 0x21 || b[1] != 0x31 || be16(b[2:]) != d.Length {
		return dissect.No
	}
	if unknown := ube32(b[4:]); unknown != 0 && unknown != 0xffffffff {
		return dissect.No
	}
	if device := b[8:12]; string(device) != "\xff\xff\xff\xff" {
		r.Object("miio").Hex("device_id", device)
	}
	r.SetApplication("xiaomi")
	return dissect.Yes
}
