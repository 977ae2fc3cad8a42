// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
)

// h323: H.225.0 call signalling, Q.931 messages in TPKT over TCP with a user-user element; H.245 call control in TPKT,
// usually on its own connection; and RAS over UDP.
var h323Protocol = &dissect.Protocol{
	Name:      "h323",
	Spec:      "ITU-T H.225.0 §7.2, §7.3; Q.931 §4; H.245 §7.2, annex A; RFC 1006 §6",
	Category:  "voip",
	Over:      dissect.TCP | dissect.UDP,
	Ports:     []uint16{1718, 1719, 1720},
	Start:     dissect.BytesOf(3),
	MinLength: 9,
	Members:   []string{"h323.called", "h323.calling", "h323.display", "h323.message"},
	Inspect:   inspectH323,
}

const (
	q931Discriminator = 0x08
	q931Display       = 0x28
	q931Calling       = 0x6c
	q931Called        = 0x70
	q931UserUser      = 0x7e
	q931X208          = 0x05 // the user-user element holds ASN.1
	// q931MaxElements bounds the walk: a set-up has a dozen.
	q931MaxElements = 64
	// h323Peek is the offset bound of RAS's protocol identifier: the choice, a sequence number, and flags precede it.
	h323Peek = 16
)

// h323Identifier is the object identifier of H.225.0 {itu-t(0) recommendation(0) h(8) 2250 version(0)} in BER after its
// length, without the version's number.
const h323Identifier = "\x06\x00\x08\x91\x4a\x00"

func inspectH323(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	if c.Transport == dissect.UDP {
		b := c.Datagrams[0].Payload
		if i := bytes.Index(b[:min(len(b), h323Peek)], []byte(h323Identifier)); i < 3 || i+len(h323Identifier) >= len(
			b) {
			return dissect.No
		}
		return dissect.Yes
	}
	for _, b := range [2][]byte{c.First(), c.Second()} {
		for range q931MaxElements { // empty packets keep a connection alive
			if !hasPrefix(b, tpktEmpty) {
				break
			}
			b = b[tpktHeader:]
		}
		if len(b) == 0 {
			continue
		}
		v := inspectH245(b, r)
		if v == dissect.No {
			v = inspectQ931(b, r)
		}
		if v != dissect.NeedMore {
			return v
		}
	}
	return dissect.NeedMore
}

// inspectQ931 reads the first message of a direction (Q.931 §4.1): discriminator, a 2-byte call reference, type, and
// elements that fill the TPKT packet exactly and include H.225.0's.
func inspectQ931(b []byte, r *dissect.Result) dissect.Verdict {
	const header = tpktHeader + 5
	if !couldBe(b, "\x03\x00") {
		return dissect.No
	}
	if len(b) < header {
		return dissect.NeedMore
	}
	length, kind := be16(b[2:]), b[8]
	if length < header || b[4] != q931Discriminator || b[5] != 2 || kind > 0x7f {
		return dissect.No
	}
	if len(b) < length {
		return dissect.NeedMore
	}
	var display, calling, called []byte
	certain := false
	b = b[header:length]
	for range q931MaxElements {
		if len(b) == 0 {
			break
		}
		element, value, rest, ok := cutQ931(b)
		if !ok {
			return dissect.No
		}
		switch b = rest; element {
		case q931Display:
			display = value
		case q931Calling:
			calling = q931Digits(value)
		case q931Called:
			called = q931Digits(value)
		case q931UserUser:
			certain = len(value) > 0 && value[0] == q931X208
		}
	}
	if !certain || len(b) > 0 {
		return dissect.No
	}
	o := r.Object("h323")
	o.String("message", q931Message(kind))
	o.Text("display", bytes.TrimRight(display, "\x00"))
	o.Text("calling", calling)
	o.Text("called", called)
	return dissect.Yes
}

// h245Identifier is the object identifier of H.245 {itu-t(0) recommendation(0) h(8) 245 version(0)}, encoded as
// h323Identifier.
const h245Identifier = "\x06\x00\x08\x81\x75\x00"

// tpktEmpty is an empty TPKT packet.
const tpktEmpty = "\x03\x00\x00\x04"

// inspectH245 reads each side's first request (annex A, in aligned PER): a terminal's capabilities, with a sequence
// number and H.245's identifier, or the master's determination: the terminal's type and a number of one to three bytes,
// which fill the packet.
func inspectH245(b []byte, r *dissect.Result) dissect.Verdict {
	const extension, determination, capabilities, shortest, header = 0x80, 1, 2, tpktHeader + 5, tpktHeader + 3
	if len(b) < shortest {
		return moreIf(couldBe(b, "\x03\x00") && (len(b) <= tpktHeader || b[tpktHeader] == determination ||
			b[tpktHeader] == capabilities))
	}
	if !hasPrefix(b, "\x03\x00") || b[tpktHeader+1]&extension != 0 {
		return dissect.No
	}
	length, message := be16(b[2:]), ""
	switch b[tpktHeader] {
	case determination: // choice, extension bit, type, length less one in two bits, number
		size := int(b[header]>>6) + 1
		if b[tpktHeader+1] != 0 || b[header]&0x3f != 0 || size > 3 || length != header+1+size {
			return dissect.No
		}
		if len(b) < length {
			return dissect.NeedMore
		}
		message = "master-slave-determination"
	case capabilities: // choice, flags of the optional parts, sequence number
		if len(b) < header+len(h245Identifier) {
			return moreIf(couldBe(b[header:], h245Identifier))
		}
		if !hasPrefix(b[header:], h245Identifier) || length < header+len(h245Identifier) {
			return dissect.No
		}
		message = "terminal-capability-set"
	default:
		return dissect.No
	}
	r.Object("h323").String("message", message)
	return dissect.Yes
}

// cutQ931 splits off the first information element (Q.931 §4.5.1): a single byte if its highest bit is set, else a
// 2-byte length for user-user and a 1-byte length for all others.
func cutQ931(b []byte) (element byte, value, rest []byte, ok bool) {
	if b[0]&0x80 != 0 {
		return b[0], nil, b[1:], true
	}
	header := 2
	if b[0] == q931UserUser {
		header = 3
	}
	if len(b) < header {
		return 0, nil, nil, false
	}
	n := int(b[1])
	if header == 3 {
		n = be16(b[1:])
	}
	if len(b) < header+n {
		return 0, nil, nil, false
	}
	return b[0], b[header : header+n], b[header+n:], true
}

// q931Digits returns the number in a party element, after its type and optional presentation (§4.5.8, §4.5.10).
func q931Digits(b []byte) []byte {
	for len(b) > 0 && b[0]&0x80 == 0 {
		b = b[1:]
	}
	return b[min(len(b), 1):]
}

// q931Message returns the name of a message type (Q.931 table 4-2).
func q931Message(kind byte) string {
	switch kind {
	case 0x01:
		return "alerting"
	case 0x02:
		return "call-proceeding"
	case 0x03:
		return "progress"
	case 0x05:
		return "setup"
	case 0x07:
		return "connect"
	case 0x0d:
		return "setup-acknowledge"
	case 0x5a:
		return "release-complete"
	case 0x62:
		return "facility"
	case 0x6e:
		return "notify"
	case 0x7b:
		return "information"
	case 0x7d:
		return "status"
	}
	return ""
}
