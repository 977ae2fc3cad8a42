// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
)

// coap: over UDP, by messages whose options parse to the end, and that answer one another or name a path.
var coapProtocol = &dissect.Protocol{
	Name:     "coap",
	Spec:     "RFC 7252 §3, §5.10, §12.1",
	Category: "iot",
	Over:     dissect.UDP,
	Ports:    []uint16{5683, 5684},
	Start: dissect.ByteRange(0x40, 0x48).Or(dissect.ByteRange(0x50, 0x58)).Or(dissect.ByteRange(0x60, 0x68)).Or(
		dissect.ByteRange(0x70, 0x78)),
	MinLength: 4,
	Heuristic: true,
	Members:   []string{"coap.method", "coap.uri_path"},
	Inspect:   inspectCoAP,
}

const (
	coapHeader    = 4 // version, type and token length; code; message identifier
	coapMaxToken  = 8
	coapOptions   = 64 // bounds the walk
	coapURIHost   = 3
	coapURIPath   = 11
	coapURIQuery  = 15
	coapPathParts = 8
	// coapClearTexts letters of host and path make a request distinctive on its own: 4 header bytes, 2.4 bits per
	// letter.
	coapClearTexts = 8
)

// coapMessage is a message's fields. Host, path and text come from its options.
type coapMessage struct {
	kind, code byte
	id         int
	token      []byte
	host       []byte
	path       [coapPathParts][]byte
	paths      int
	text       int // letters in host, path and query
}

func inspectCoAP(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	var first, m coapMessage
	sure := false
	for i := range c.Datagrams {
		d := &c.Datagrams[i]
		if len(d.Payload) < d.Length && i > 0 {
			continue
		}
		if !m.parse(d.Payload) {
			return dissect.No
		}
		if i == 0 {
			first = m
		}
		sure = sure || m.text >= coapClearTexts || i > 0 &&
			coapAnswers(&first, &m, d.FromClient != c.Datagrams[0].FromClient)
		if first.paths == 0 && m.paths > 0 {
			first.path, first.paths, first.host = m.path, m.paths, m.host
		}
	}
	if !sure {
		return dissect.NeedMore
	}
	o := r.Object("coap")
	if first.code>>5 == 0 && first.code > 0 {
		o.Int("method", int64(first.code))
	}
	if first.paths > 0 {
		var path [dissect.MaxText]byte
		b := path[:0]
		for _, part := range first.path[:first.paths] {
			b = append(append(b, '/'), part[:min(len(part), dissect.MaxText/coapPathParts-1)]...)
		}
		o.Text("uri_path", b)
	}
	if len(first.host) > 0 {
		r.SetHost(first.host)
	}
	return dissect.Yes
}

// coapAnswers reports whether b is the other side's answer to a, or the same side repeats a or goes on counting: 16
// bits of the identifier or those of a non-empty token.
func coapAnswers(a, b *coapMessage, fromOther bool) bool {
	if fromOther {
		request := a.code>>5 == 0 && a.code > 0 || b.code>>5 == 0 && b.code > 0
		if a.id == b.id && (a.kind >= 2 || b.kind >= 2) {
			return true
		}
		return request && len(a.token) > 0 && bytes.Equal(a.token, b.token) && (len(a.token) > 1 || a.id == b.id ||
			a.text > 2)
	}
	return a.code == b.code && a.code != 0 && len(a.token) == len(b.token) && (b.id-a.id)&0xffff <= 1 && a.text > 0
}

// parse reads a datagram and reports whether it is a message.
func (m *coapMessage) parse(b []byte) bool {
	*m = coapMessage{}
	if len(b) < coapHeader || b[0]>>6 != 1 {
		return false
	}
	m.kind, m.code, m.id = b[0]>>4&3, b[1], be16(b[2:])
	token := int(b[0] & 15)
	if token > coapMaxToken || len(b) < coapHeader+token || !coapCode(m.code) {
		return false
	}
	if m.code == 0 { // empty: acknowledge, reset or ping
		return len(b) == coapHeader && m.kind != 1
	}
	if m.kind == 3 || m.kind == 2 && m.code>>5 == 0 { // a reset is empty, and requests never acknowledge
		return false
	}
	m.token = b[coapHeader : coapHeader+token]
	return m.options(b[coapHeader+token:])
}

// coapCode reports whether code is registered: §12.1, RFC 7959, RFC 8132, RFC 8516, RFC 8768.
func coapCode(code byte) bool {
	detail := code & 31
	switch code >> 5 {
	case 0:
		return detail <= 7
	case 2:
		return detail >= 1 && detail <= 5 || detail == 31
	case 4:
		return detail <= 9 || detail == 12 || detail == 13 || detail == 15 || detail == 22 || detail == 29
	case 5:
		return detail <= 5 || detail == 8
	}
	return false
}

// options walks the options: delta and length in 4 bits each, larger values in one or two more bytes (§3.1). A
// non-empty payload follows the byte 0xff.
func (m *coapMessage) options(b []byte) bool {
	number := 0
	for range coapOptions {
		if len(b) == 0 {
			return true
		}
		if b[0] == 0xff {
			return len(b) > 1
		}
		delta, length := int(b[0]>>4), int(b[0]&15)
		b = b[1:]
		var ok1, ok2 bool
		delta, b, ok1 = coapExtended(delta, b)
		length, b, ok2 = coapExtended(length, b)
		number += delta
		if !ok1 || !ok2 || length > len(b) || !coapOption(number) {
			return false
		}
		value := b[:length]
		b = b[length:]
		switch number {
		case coapURIHost, coapURIPath, coapURIQuery:
			if length > 255 || !isPrintable(value) || m.code>>5 != 0 { // only requests have these
				return false
			}
			m.text += length
		}
		switch {
		case number == coapURIHost:
			m.host = value
		case number == coapURIPath && m.paths < coapPathParts:
			m.path[m.paths] = value
			m.paths++
		}
	}
	return false
}

func coapExtended(n int, b []byte) (value int, rest []byte, ok bool) {
	switch {
	case n < 13:
		return n, b, true
	case n == 13 && len(b) >= 1:
		return 13 + int(b[0]), b[1:], true
	case n == 14 && len(b) >= 2:
		return 269 + be16(b), b[2:], true
	}
	return 0, nil, false
}

// coapOption reports whether number is a registered option, or reserved for vendors and experiments.
func coapOption(number int) bool {
	switch number {
	case 1, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 19, 20, 21, 23, 27, 28, 31, 35, 39, 60, 252, 258, 292:
		return true
	}
	// Receivers ignore unknown elective options (§5.4.1).
	return number >= 2048 || number > 0 && number&1 == 0
}
