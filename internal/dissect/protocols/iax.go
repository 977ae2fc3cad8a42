// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// iax: Inter-Asterisk eXchange version 2 over UDP, by its full frames.
var iaxProtocol = &dissect.Protocol{
	Name:      "iax",
	Spec:      "RFC 5456 §8.1, §8.4, §8.6",
	Category:  "voip",
	Over:      dissect.UDP,
	Ports:     []uint16{4569},
	Start:     dissect.ByteRange(0x80, 0xff),
	MinLength: iaxHeader,
	Heuristic: true,
	Members:   []string{"iax.called", "iax.subclass", "iax.user"},
	Inspect:   inspectIAX,
}

const (
	iaxHeader    = 12
	iaxControl   = 6    // frame type IAX
	iaxLastType  = 12   // the highest frame type, of RFC 5456 §8.2 and Asterisk's HTML and DTMF begin
	iaxLastClass = 0x28 // the highest subclass of an IAX frame, §8.4
	// iaxMaxElements bounds the information elements: each has at least 2 bytes.
	iaxMaxElements = 64
	iaxVersion     = 0x0b
	iaxUsername    = 0x06
	iaxCalled      = 0x01
)

// iaxFrame is a full frame.
type iaxFrame struct {
	source, destination, out, in int
	kind, class                  byte
	called, user                 []byte
	version                      bool // the element VERSION is 2
}

func inspectIAX(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	var first iaxFrame
	d := &c.Datagrams[0]
	if !first.read(d.Payload, d.Length) || first.kind != iaxControl {
		return dissect.No
	}
	certain := first.version
	for i := 1; i < len(c.Datagrams) && !certain; i++ {
		d := &c.Datagrams[i]
		var f iaxFrame
		if len(d.Payload) < 4 || d.Payload[0]&0x80 == 0 {
			continue // a mini frame
		}
		if !f.read(d.Payload, d.Length) {
			return dissect.No
		}
		if d.FromClient == c.Datagrams[0].FromClient {
			certain = f.source == first.source && f.out == (first.out+1)&0xff && f.kind == iaxControl
		} else {
			// An answer repeats the call number of the other side, and counts the frame as received.
			certain = f.destination == first.source && f.in == (first.out+1)&0xff &&
				(first.destination == 0 || f.source == first.destination)
		}
	}
	if !certain {
		return dissect.NeedMore
	}
	o := r.Object("iax")
	o.Int("subclass", int64(first.class))
	o.Text("called", first.called)
	o.Text("user", first.user)
	return dissect.Yes
}

// read reads a full frame (§8.1.1). A control frame's elements must fill it exactly (§8.6).
func (f *iaxFrame) read(b []byte, length int) bool {
	if len(b) < iaxHeader || b[0]&0x80 == 0 {
		return false
	}
	*f = iaxFrame{source: be16(b) & 0x7fff, destination: be16(b[2:]) & 0x7fff, out: int(b[8]), in: int(b[9]),
		kind: b[10], class: b[11]}
	if f.source == 0 || f.kind == 0 || f.kind > iaxLastType {
		return false
	}
	if f.kind != iaxControl {
		return true
	}
	if f.class == 0 || f.class > iaxLastClass {
		return false
	}
	missing := length > len(b)
	b = b[iaxHeader:]
	for range iaxMaxElements {
		if len(b) < 2 || len(b) < 2+int(b[1]) {
			break
		}
		f.element(b[0], b[2:2+int(b[1])])
		b = b[2+int(b[1]):]
	}
	return len(b) == 0 || missing
}

func (f *iaxFrame) element(kind byte, value []byte) {
	switch kind {
	case iaxVersion:
		f.version = len(value) == 2 && be16(value) == 2
	case iaxCalled:
		f.called = value
	case iaxUsername:
		f.user = value
	}
}
