// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// wechat: MMTLS, WeChat's variant of TLS 1.3 (Citizen Lab, "Should We Chat, Too?", 2024): records as in TLS, of version
// 0xf103 or 0xf104, over TCP.
var wechatProtocol = &dissect.Protocol{
	Name:      "wechat",
	Spec:      "Citizen Lab report 178 (2024)",
	Category:  "messaging",
	Over:      dissect.TCP,
	Ports:     []uint16{80, 443, 8080},
	Start:     dissect.BytesOf(0x16, 0x17, 0x19),
	MinLength: 5,
	Inspect:   inspectWeChat,
}

// wechatRecords consecutive records are certain: each fixes 22 bits.
const wechatRecords = 2

func inspectWeChat(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	up, ok := wechatWalk(c.ToServer())
	if !ok {
		return dissect.No
	}
	down, ok := wechatWalk(c.ToClient())
	if !ok {
		return dissect.No
	}
	if up+down < wechatRecords {
		return dissect.NeedMore
	}
	r.SetApplication("wechat")
	return dissect.Yes
}

// wechatWalk counts the record headers at the start of b; ok is false if other bytes replace one.
func wechatWalk(b []byte) (n int, ok bool) {
	const header, maxRecord = 5, 1<<14 + 256 // RFC 8446 §5.2
	for ; len(b) >= header && n < wechatRecords; n++ {
		length := be16(b[3:])
		if b[0] < 0x15 || b[0] > 0x19 || b[1] != 0xf1 || b[2] != 0x03 && b[2] != 0x04 || length == 0 ||
			length > maxRecord {
			return n, false
		}
		b = b[min(len(b), header+length):]
	}
	return n, true
}
