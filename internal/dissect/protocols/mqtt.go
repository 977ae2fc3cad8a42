// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"unicode/utf8"

	"github.com/weirnet/weir/internal/dissect"
	"github.com/weirnet/weir/internal/record"
)

// mqtt: versions 3.1, 3.1.1 and 5 over TCP, by CONNECT or, in mid-flow, by packets that follow one another exactly.
var mqttProtocol = &dissect.Protocol{
	Name:     "mqtt",
	Spec:     "OASIS MQTT 5.0 §2, §3; MQTT 3.1.1 §2, §3",
	Category: "message-queue",
	Over:     dissect.TCP,
	Ports:    []uint16{1883, 8883},
	Start: dissect.BytesOf(0x10, 0x20, 0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x40, 0x50, 0x62, 0x82, 0x90, 0xa2, 0xc0,
		0xd0),
	MinLength: 2,
	Heuristic: true,
	Members:   []string{"mqtt.client_id", "mqtt.version"},
	Inspect:   inspectMQTT,
}

// Packet types, MQTT 5.0 §2.1.2.
const (
	mqttConnect     = 1
	mqttConnAck     = 2
	mqttPublish     = 3
	mqttPubAck      = 4
	mqttPubRel      = 6
	mqttPubComp     = 7
	mqttSubscribe   = 8
	mqttSubAck      = 9
	mqttUnsubscribe = 10
	mqttUnsubAck    = 11
	mqttPingRequest = 12
	mqttPingReply   = 13
	mqttDisconnect  = 14
)

// mqttEnough is how many bits packets in mid-flow must fix in total: four packets without a body do, or one with a
// topic.
const mqttEnough = 40

// mqttPackets bounds the packets read of a direction.
const mqttPackets = 64

func inspectMQTT(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	for _, b := range [2][]byte{c.ToServer(), c.ToClient()} {
		if len(b) > 0 && b[0] == mqttConnect<<4 {
			return mqttOpening(b, r)
		}
	}
	first, firstOK := mqttBits(c.First())
	second, secondOK := mqttBits(c.Second())
	switch {
	case !firstOK || !secondOK:
		return dissect.No
	case first+second >= mqttEnough:
		return dissect.Yes
	}
	return dissect.NeedMore
}

// mqttNumber reads a variable byte integer: 7 bits per byte, the lowest first, at most 4 bytes (§1.5.5). size is 0 if b
// is too short, negative if it holds no such integer.
func mqttNumber(b []byte) (n, size int) {
	for i := range 4 {
		if i >= len(b) {
			return 0, 0
		}
		n |= int(b[i]&0x7f) << (7 * i)
		if b[i] < 0x80 {
			return n, i + 1
		}
	}
	return 0, -1
}

// mqttLength reads the fixed header: size is its own length, as from mqttNumber; the length is the packet's.
func mqttLength(b []byte) (length, size int) {
	if len(b) == 0 {
		return 0, 0
	}
	if length, size = mqttNumber(b[1:]); size > 0 {
		size++
	}
	return length, size
}

// mqttOpening reads CONNECT: protocol name, version, flags, keep-alive, from version 5 on properties, client
// identifier.
func mqttOpening(b []byte, r *dissect.Result) dissect.Verdict {
	const hasPassword, hasUser, reserved = 1 << 6, 1 << 7, 1
	length, size := mqttLength(b)
	if size <= 0 {
		return moreIf(size == 0)
	}
	b = b[size:min(len(b), size+length)]
	name, rest, ok := cutText16(b)
	if !ok {
		return moreIf(couldBe(b, "\x00\x04MQTT") || couldBe(b, "\x00\x06MQIsdp"))
	}
	if string(name) != "MQTT" && string(name) != "MQIsdp" {
		return dissect.No
	}
	if len(rest) < 4 {
		return dissect.NeedMore
	}
	version, flags := rest[0], rest[1]
	if version&0x7f < 3 || version&0x7f > 5 || flags&reserved != 0 { // bridges set the highest bit
		return dissect.No
	}
	o := r.Object("mqtt")
	o.Int("version", int64(version&0x7f))
	if flags&(hasUser|hasPassword) == hasUser|hasPassword {
		r.Risk(record.RiskCleartextCredentials)
	}
	rest = rest[4:]
	if version == 5 {
		properties, n := mqttNumber(rest)
		if n <= 0 || len(rest) < n+properties {
			return dissect.YesMore
		}
		rest = rest[n+properties:]
	}
	client, _, ok := cutText16(rest)
	if !ok {
		return dissect.YesMore
	}
	o.Text("client_id", client)
	return dissect.Yes
}

// mqttBits returns how many bits the packets at the start of b fix; ok is false if b begins with no packet.
func mqttBits(b []byte) (bits int, ok bool) {
	for range mqttPackets {
		if len(b) == 0 {
			break
		}
		length, size := mqttLength(b)
		if size < 0 {
			return 0, false
		}
		if size == 0 || len(b) < size+length {
			return bits, mqttFlags(b[0]) // a cut packet fixes nothing
		}
		n := mqttPacket(b[0], b[size:size+length])
		if n == 0 {
			return 0, false
		}
		bits += n
		b = b[size+length:]
	}
	return bits, true
}

// mqttFlags reports whether the lower half of a packet's first byte suits its type (§2.1.3).
func mqttFlags(first byte) bool {
	switch first >> 4 {
	case 0:
		return false
	case mqttPublish:
		return first&6 != 6 // no quality of service 3
	case mqttPubRel, mqttSubscribe, mqttUnsubscribe:
		return first&15 == 2
	}
	return first&15 == 0
}

// mqttPacket returns how many bits a whole packet fixes, 0 if b is no packet. A fitting length counts for its own
// bytes.
func mqttPacket(first byte, body []byte) int {
	if !mqttFlags(first) {
		return 0
	}
	switch kind := first >> 4; kind {
	case mqttConnAck: // acknowledge flags, code, from version 5 on properties
		if len(body) < 2 || body[0] > 1 || len(body) == 2 && body[1] > 5 && body[1] < 0x80 {
			return 0
		}
		return 20
	case mqttPublish, mqttSubscribe, mqttUnsubscribe:
		if kind != mqttPublish {
			if len(body) < 5 || be16(body) == 0 {
				return 0
			}
			body = body[2:]
			if body[0] == 0 && body[1] == 0 && len(body) > 3 {
				body = body[1:] // no properties, version 5
			}
		}
		topic, _, ok := cutText16(body)
		if !ok || len(topic) == 0 || !utf8.Valid(topic) || !isPrintable(topic) {
			return 0
		}
		return 4 + 8 + 8 + min(len(topic), 30) // printable ASCII is 1.4 bits a byte
	case mqttPingRequest, mqttPingReply:
		return mqttIf(len(body) == 0, 16)
	case mqttDisconnect:
		return mqttIf(len(body) <= 2, 10)
	case mqttSubAck, mqttUnsubAck:
		return mqttIf(len(body) >= 2 && len(body) <= 64 && be16(body) != 0, 10)
	case mqttPubAck, mqttPubAck + 1, mqttPubRel, mqttPubComp:
		return mqttIf((len(body) == 2 || len(body) == 3 || len(body) == 4) && be16(body) != 0, 14)
	}
	return 0
}

func mqttIf(ok bool, bits int) int {
	if ok {
		return bits
	}
	return 0
}
