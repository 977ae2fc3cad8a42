// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// telegram: Telegram's cleartext: MTProto's key exchange over TCP in its plain transports, and the packets that calls
// send to their relays over UDP. Its usual transport is obfuscated and looks random on purpose.
var (
	telegramOverTCPProtocol = &dissect.Protocol{
		Name:      "telegram",
		Spec:      "core.telegram.org/mtproto/mtproto-transports, /mtproto/auth_key",
		Category:  "messaging",
		Over:      dissect.TCP,
		Start:     dissect.BytesOf(0xef, 0xee, telegramFullSize),
		MinLength: 2 + telegramUnencrypted + 4,
		Inspect:   inspectTelegram,
	}
	telegramOverUDPProtocol = &dissect.Protocol{
		Name:      "telegram",
		Spec:      "libtgvoip, as published",
		Category:  "messaging",
		Over:      dissect.UDP,
		Start:     dissect.ByteRange(0x00, 0xff), // a call's tag is random; the first packet decides
		MinLength: telegramTag + 16,
		Heuristic: true,
		Inspect:   inspectTelegram,
	}
)

const (
	// telegramTag is the length of a call's tag before a packet to a relay, in bytes.
	telegramTag = 16
	// telegramUnencrypted is the header length of a message without a key (mtproto/description, "Unencrypted Message"):
	// key id 0, message id, length.
	telegramUnencrypted = 8 + 8 + 4
	// telegramFullSize is the length of a key exchange's first packet in the full transport: length, sequence number, a
	// 40-byte message, checksum.
	telegramFullSize = 4 + 4 + 40 + 4
	// telegramReqPQ and telegramReqPQMulti are the constructors that begin a key exchange.
	telegramReqPQ      = 0x60469778
	telegramReqPQMulti = 0xbe7e8ef1
)

func inspectTelegram(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	v := dissect.No
	if c.Transport == dissect.UDP {
		v = telegramRelay(c)
	} else if isTelegramKeyExchange(c.First()) {
		v = dissect.Yes
	} else if len(c.First()) < 8+telegramUnencrypted+4 {
		v = dissect.NeedMore
	}
	if v == dissect.Yes {
		r.SetApplication("telegram")
	}
	return v
}

// telegramRelay wants a request to a relay (a tag, 12 bytes of ones, and -2 or -3 for the kind), and a second datagram
// with that tag: other calls send ones alone as silence.
func telegramRelay(c *dissect.Conversation) dissect.Verdict {
	first := c.Datagrams[0].Payload
	if len(first) < telegramTag+16 {
		return dissect.No
	}
	for _, one := range first[telegramTag : telegramTag+12] {
		if one != 0xff {
			return dissect.No
		}
	}
	if asked := int32(ule32(first[telegramTag+12:])); asked != -2 && asked != -3 {
		return dissect.No
	}
	for i := range c.Datagrams[1:] {
		if b := c.Datagrams[1+i].Payload; len(b) < telegramTag || string(b[:telegramTag]) != string(
			first[:telegramTag]) {
			return dissect.No
		}
	}
	if len(c.Datagrams) == 1 {
		return dissect.NeedMore
	}
	return dissect.Yes
}

// isTelegramKeyExchange reports whether b begins a key exchange in the abridged (0xef), the intermediate (0xeeeeeeee)
// or the full transport (length, sequence number 0).
func isTelegramKeyExchange(b []byte) bool {
	switch {
	case len(b) >= 2 && b[0] == 0xef:
		b = b[2:]
	case len(b) >= 8 && ule32(b) == 0xeeeeeeee:
		b = b[8:]
	case len(b) >= 8 && le32(b) == telegramFullSize && le32(b[4:]) == 0:
		b = b[8:]
	default:
		return false
	}
	if len(b) < telegramUnencrypted+4 || le32(b)|le32(b[4:]) != 0 || le32(b[16:]) != 4+16 {
		return false
	}
	constructor := ule32(b[telegramUnencrypted:])
	return constructor == telegramReqPQ || constructor == telegramReqPQMulti
}
