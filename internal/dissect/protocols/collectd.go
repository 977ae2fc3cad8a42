// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
)

// collectd: the binary protocol (collectd wiki, "Binary protocol").
var collectdProtocol = &dissect.Protocol{
	Name:      "collectd",
	Spec:      "collectd binary protocol",
	Category:  "system",
	Over:      dissect.UDP,
	Ports:     []uint16{25826},
	Start:     dissect.BytesOf(0, 2),
	MinLength: 16,
	Members:   []string{"collectd.host", "collectd.plugin", "collectd.user"},
	Inspect:   inspectCollectd,
}

// maxCollectdParts bounds the parts of a datagram; 1,452 bytes hold at most 290.
const maxCollectdParts = 512

// inspectCollectd walks the parts, each with type and length, to the datagram's end.
func inspectCollectd(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	const host, plugin, signature, encrypted, minParts = 0x0000, 0x0002, 0x0200, 0x0210, 2
	d := &c.Datagrams[0]
	b := d.Payload
	o := r.Object("collectd")
	parts, hosts, plugins := 0, 0, 0
	for range maxCollectdParts {
		if len(b) < 4 {
			break
		}
		kind, length := be16(b), be16(b[2:])
		if length > len(b) && d.Length > len(d.Payload) && parts >= minParts {
			return dissect.Yes // the capture cut the rest
		}
		if length < 5 || length > len(b) || parts == 0 && kind != host && kind != signature && kind != encrypted ||
			!collectdPart(kind, b[4:length]) {
			return dissect.No
		}
		switch value := b[4:length]; kind {
		case host:
			if hosts++; hosts == 1 {
				o.Text("host", bytes.TrimSuffix(value, []byte{0}))
			}
		case plugin:
			if plugins++; plugins == 1 {
				o.Text("plugin", bytes.TrimSuffix(value, []byte{0}))
			}
		case encrypted: // user name's length, user name, initialisation vector, ciphertext: the whole datagram
			n := be16(value)
			if parts != 0 || length != len(b) || n+22 > len(value) || !isPrintable(value[2:2+n]) {
				return dissect.No
			}
			o.Text("user", value[2:2+n])
			return dissect.Yes
		}
		parts++
		b = b[length:]
	}
	return verdictIf(parts >= minParts && len(b) == 0)
}

// collectdPart checks a part by its type: texts end with a NUL, numbers have eight bytes, values fit their number.
func collectdPart(kind int, value []byte) bool {
	switch kind {
	case 0x0000, 0x0002, 0x0003, 0x0004, 0x0005, 0x0100:
		return value[len(value)-1] == 0 && isPrintable(value[:len(value)-1])
	case 0x0001, 0x0007, 0x0008, 0x0009, 0x0101:
		return len(value) == 8
	case 0x0006:
		return len(value) > 2 && len(value) == 2+9*be16(value)
	case 0x0200:
		return len(value) > 32 && isPrintable(value[32:]) // a SHA-256 code, then the user's name
	case 0x0210:
		return len(value) > 22
	}
	return false
}
