// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
)

// pptp: the control connection. GRE carries the data.
var pptpProtocol = &dissect.Protocol{
	Name: "pptp", Spec: "RFC 2637 §2", Category: "vpn",
	Over: dissect.TCP, Ports: []uint16{1723}, Start: dissect.BytesOf(0), MinLength: pptpHeader,
	Members: []string{"pptp.host", "pptp.vendor", "pptp.version"},
	Inspect: inspectPPTP,
}

// pptpHeader is the length of the common header: length, PPTP message type, magic cookie, control message type.
const pptpHeader = 12

// pptpLengths are the control messages' lengths by type (§2.1 to §2.15).
var pptpLengths = [...]int{1: 156, 2: 156, 3: 16, 4: 16, 5: 16, 6: 20, 7: 168, 8: 32, 9: 220, 10: 24, 11: 28, 12: 16,
	13: 148, 14: 40, 15: 24}

func inspectPPTP(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	b := c.First()
	if len(b) < pptpHeader {
		return dissect.NeedMore
	}
	const control, cookie = 1, 0x1a2b3c4d
	kind := be16(b[8:])
	if be16(b[2:]) != control || be32(b[4:]) != cookie || kind >= len(pptpLengths) || pptpLengths[kind] != be16(b) {
		return dissect.No
	}
	describePPTP(r.Object("pptp"), b, kind)
	return dissect.Yes
}

// describePPTP writes the sender's properties from the messages that start a connection.
func describePPTP(o *dissect.Object, b []byte, kind int) {
	const request, reply, version, host, vendor, end = 1, 2, 12, 28, 92, 156
	if kind != request && kind != reply || len(b) < end {
		return
	}
	o.Int("version", int64(b[version]))
	name, _, _ := bytes.Cut(b[host:vendor], []byte{0})
	o.Text("host", name)
	name, _, _ = bytes.Cut(b[vendor:end], []byte{0})
	o.Text("vendor", name)
}
