// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// kakaotalk: LOCO, the chat protocol of KakaoTalk over TCP, after public descriptions: a handshake with the session key
// encrypted by RSA, or cleartext packets with a method in capitals.
var kakaotalkProtocol = &dissect.Protocol{
	Name:      "kakaotalk",
	Spec:      "LOCO as described by the node-kakao project",
	Category:  "messaging",
	Over:      dissect.TCP,
	Ports:     []uint16{443, 995, 5223, 8080, 9282, 10009},
	Start:     dissect.BytesOf(0x00, 0x80),
	MinLength: 12,
	Inspect:   inspectKakaoTalk,
}

const (
	kakaoKeyShort, kakaoKeyLong = 128, 256 // bytes of the encrypted key: RSA of 1,024 and 2,048 bits
	kakaoAESCFB                 = 2
	locoHeader                  = 22 // number, status, method (11 bytes), body type, body length
	locoMaxBody                 = 1 << 20
)

func inspectKakaoTalk(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	b := c.ToServer()
	if len(b) == 0 {
		return dissect.NeedMore
	}
	if len(b) < 12 {
		return dissect.NeedMore
	}
	size, key, cipher := le32(b), le32(b[4:]), le32(b[8:])
	if (size != kakaoKeyShort && size != kakaoKeyLong || key < 1 || key > 0x20 || cipher < 1 || cipher > kakaoAESCFB+
		1) && !isLOCO(b) {
		if len(b) < locoHeader && b[0] != kakaoKeyShort {
			return dissect.NeedMore
		}
		return dissect.No
	}
	r.SetApplication("kakaotalk")
	return dissect.Yes
}

// isLOCO reports whether b begins with a packet header: a method in capitals padded with zeros, body type 0 (BSON), and
// a body whose own length field agrees.
func isLOCO(b []byte) bool {
	if len(b) < locoHeader+4 || b[17] != 0 || le32(b[18:]) != le32(b[locoHeader:]) || le32(b[18:]) > locoMaxBody {
		return false
	}
	name, n := b[6:17], 0
	for n < len(name) && name[n] >= 'A' && name[n] <= 'Z' {
		n++
	}
	for _, zero := range name[n:] {
		if zero != 0 {
			return false
		}
	}
	return n >= 3
}
