// SPDX-License-Identifier: Apache-2.0

package dissect

// telegram: what Telegram shows in the clear: MTProto's key exchange over TCP in its plain transports, and the packets with
// which calls ask their relays over UDP. Its usual transport is obfuscated and looks random on purpose.
var (
	_ = register(Protocol{
		Name:      "telegram",
		Spec:      "core.telegram.org/mtproto/mtproto-transports, /mtproto/auth_key",
		Category:  "messaging",
		Over:      TCP,
		Start:     Of(0xef, 0xee, telegramFullSize),
		MinLength: 2 + telegramUnencrypted + 4,
		Inspect:   inspectTelegram,
	})
	_ = register(Protocol{
		Name:      "telegram",
		Spec:      "libtgvoip, as published",
		Category:  "messaging",
		Over:      UDP,
		Start:     Range(0x00, 0xff), // a call's tag is random; all is decided by the first packet
		MinLength: telegramTag + 16,
		Heuristic: true,
		Inspect:   inspectTelegram,
	})
)

const (
	// telegramTag is the length of a call's tag before a packet to a relay.
	telegramTag = 16
	// telegramUnencrypted is a message without a key (mtproto/description, "Unencrypted Message"): key id 0, message id, length.
	telegramUnencrypted = 8 + 8 + 4
	// telegramFullSize is the length of a key exchange's first packet in the full transport: length, sequence number, message
	// of 40, checksum.
	telegramFullSize = 4 + 4 + 40 + 4
	// telegramReqPQ and telegramReqPQMulti are the constructors that begin a key exchange.
	telegramReqPQ      = 0x60469778
	telegramReqPQMulti = 0xbe7e8ef1
)

func inspectTelegram(c *Conversation, r *Result) Verdict {
	b := c.First()
	if c.Transport == UDP && !isTelegramRelay(b) || c.Transport == TCP && !isTelegramKeyExchange(b) {
		return No
	}
	r.SetApplication("telegram")
	return Yes
}

// isTelegramRelay says whether b is a request to a relay: a tag, 12 bytes of ones, and -1 to -3 for what is asked.
func isTelegramRelay(b []byte) bool {
	if len(b) < telegramTag+16 {
		return false
	}
	for _, one := range b[telegramTag : telegramTag+12] {
		if one != 0xff {
			return false
		}
	}
	return uint32(le32(b[telegramTag+12:])) >= 0xfffffffd
}

// isTelegramKeyExchange says whether b begins a key exchange in the abridged (0xef), the intermediate (0xeeeeeeee) or the full
// transport (length, sequence number 0).
func isTelegramKeyExchange(b []byte) bool {
	switch {
	case len(b) >= 2 && b[0] == 0xef:
		b = b[2:]
	case len(b) >= 8 && uint32(le32(b)) == 0xeeeeeeee:
		b = b[8:]
	case len(b) >= 8 && le32(b) == telegramFullSize && le32(b[4:]) == 0:
		b = b[8:]
	default:
		return false
	}
	if len(b) < telegramUnencrypted+4 || le32(b)|le32(b[4:]) != 0 || le32(b[16:]) != 4+16 {
		return false
	}
	constructor := uint32(le32(b[telegramUnencrypted:]))
	return constructor == telegramReqPQ || constructor == telegramReqPQMulti
}
