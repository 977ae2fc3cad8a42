// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"
	"sync"

	"github.com/weirnet/weir/internal/dissect"
	"golang.org/x/net/http2/hpack"
)

// http2: HTTP/2 with prior knowledge in cleartext (RFC 9113 §3.3). It reads the first request's fields as far as they
// need no dynamic table (RFC 7541).
var http2Protocol = &dissect.Protocol{
	Name:      "http2",
	Spec:      "RFC 9113 §3.4, §4.1; RFC 7541 §6",
	Category:  "web",
	Over:      dissect.TCP,
	Start:     dissect.FirstBytes("PRI", "\x00"), // the preface, or the server's SETTINGS of less than 64 KiB
	MinLength: 9,
	Members:   []string{"http2.host", "http2.method", "http2.path", "http2.user_agent"},
	Inspect:   inspectHTTP2,
}

const (
	http2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
	http2Header  = 9
	// http2MaxFrames bounds the frames before a client's first HEADERS: SETTINGS, WINDOW_UPDATE and a few PRIORITY.
	http2MaxFrames = 16
	// http2MaxFields bounds the fields read of the first request; :authority is among the first four.
	http2MaxFields = 32

	http2Headers, http2Settings = 1, 4 // frame types
)

func inspectHTTP2(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	client, server := c.ToServer(), c.ToClient()
	if hasPrefix(server, http2Preface) {
		client, server = server, client // a capture from mid-flow swaps the sides
	}
	if !couldBe(client, http2Preface) {
		return dissect.No
	}
	if len(client) == 0 {
		return http2Server(server)
	}
	if len(client) < len(http2Preface) {
		return dissect.NeedMore
	}
	o := r.Object("http2")
	if !http2Request(client[len(http2Preface):], o, r) {
		return dissect.YesMore
	}
	return dissect.Yes
}

// http2Server decides by a server's first frame alone: SETTINGS on stream 0 (RFC 9113 §6.5) with at least one
// parameter, all of them registered. That fixes over 64 bits.
func http2Server(b []byte) dissect.Verdict {
	// The size of a parameter and the highest number; receivers ignore other flags, the reserved bit and unknown
	// parameters (§4.1, §6.5.2).
	const parameter, parameters, acknowledged, reserved = 6, 9, 0x01, 0x80000000
	if len(b) < http2Header {
		return dissect.NeedMore
	}
	size := be16(b[1:])
	if b[0] != 0 || size%parameter != 0 || size > parameter*parameters || b[3] != http2Settings ||
		b[4]&acknowledged != 0 || ube32(b[5:])&^reserved != 0 {
		return dissect.No
	}
	if size == 0 || len(b) < http2Header+size {
		return dissect.NeedMore
	}
	known := 0
	for at := http2Header; at < http2Header+size; at += parameter {
		if number := be16(b[at:]); number > 0 && number <= parameters {
			known++
		}
	}
	if known == 0 || b[4] != 0 && 2*known*parameter < size {
		return dissect.No
	}
	return dissect.YesMore
}

// http2Request finds the first HEADERS frame and writes its request. It returns false until that frame arrives.
func http2Request(b []byte, o *dissect.Object, r *dissect.Result) bool {
	for range http2MaxFrames {
		if len(b) < http2Header {
			return false
		}
		length, kind, flags := int(b[0])<<16|be16(b[1:]), b[3], b[4]
		b = b[http2Header:]
		if len(b) < length {
			return false
		}
		if kind == http2Headers {
			http2Fields(http2Block(b[:length], flags), o, r)
			return true
		}
		b = b[length:]
	}
	return true
}

// http2Block removes padding and priority from a HEADERS frame (RFC 9113 §6.2).
func http2Block(b []byte, flags byte) []byte {
	const padded, priority = 0x8, 0x20
	pad := 0
	if flags&padded != 0 && len(b) > 0 {
		pad = int(b[0])
		b = b[1:]
	}
	if flags&priority != 0 && len(b) >= 5 {
		b = b[5:]
	}
	return b[:max(0, len(b)-pad)]
}

// Fields of the static table that the record shows (RFC 7541 appendix A).
const (
	hpackAuthority = 1
	hpackGET       = 2
	hpackPOST      = 3
	hpackPath      = 4 // "/"
	hpackIndex     = 5 // "/index.html"
	hpackUserAgent = 58
)

// http2Fields reads the fields with names from the static table, each once.
func http2Fields(b []byte, o *dissect.Object, r *dissect.Result) {
	var told uint64 // by index
	for range http2MaxFields {
		index, value, coded, rest, ok := hpackField(b)
		if !ok {
			return
		}
		b = rest
		switch index {
		case hpackPOST:
			if value == nil {
				value = []byte("POST")
			}
			index = hpackGET
		case hpackGET:
			if value == nil {
				value = []byte("GET")
			}
		case hpackPath:
			if value == nil {
				value = []byte("/")
			}
		case hpackIndex:
			if value == nil {
				value = []byte("/index.html")
			}
			index = hpackPath
		case hpackAuthority, hpackUserAgent:
		default:
			continue
		}
		if told>>index&1 == 0 && len(value) > 0 {
			told |= 1 << index
			http2Tell(index, value, coded, o, r)
		}
	}
}

// hpackField reads one field (RFC 7541 §6): the index of its name or, with a nil value, of the whole field in the
// static table. Index 0 stands for literal names. coded: the value is Huffman coded.
func hpackField(b []byte) (index int, value []byte, coded bool, rest []byte, ok bool) {
	if len(b) == 0 {
		return 0, nil, false, nil, false
	}
	first := b[0]
	switch {
	case first&0x80 != 0: // a whole field
		index, rest, ok = hpackInteger(b, 7)
		return index, nil, false, rest, ok
	case first&0xe0 == 0x20: // a new size of the dynamic table
		_, rest, ok = hpackInteger(b, 5)
		return 0, nil, false, rest, ok
	case first&0x40 != 0: // with indexing
		index, rest, ok = hpackInteger(b, 6)
	default: // without indexing, or never indexed
		index, rest, ok = hpackInteger(b, 4)
	}
	if ok && index == 0 {
		_, _, rest, ok = hpackString(rest)
	}
	if ok {
		value, coded, rest, ok = hpackString(rest)
	}
	return index, value, coded, rest, ok
}

// http2Tell writes one field; coded: its value is Huffman coded.
func http2Tell(index int, value []byte, coded bool, o *dissect.Object, r *dissect.Result) {
	text := huffmanTexts.Get().(*huffmanText)
	defer huffmanTexts.Put(text)
	text.n = 0
	if coded {
		if _, err := hpack.HuffmanDecode(text, value[:min(len(value), len(text.b))]); err != nil {
			return
		}
		value = text.b[:text.n]
	}
	switch index {
	case hpackAuthority:
		r.SetHost(cutPort(value))
		o.Text("host", cutPort(value))
	case hpackPath:
		path, _, _ := bytes.Cut(value, []byte{'?'})
		o.Text("path", path)
	case hpackGET:
		o.Text("method", value)
	default:
		o.Text("user_agent", value)
	}
}

// huffmanText receives a decoded Huffman string, up to its length.
type huffmanText struct {
	b [512]byte
	n int
}

var huffmanTexts = sync.Pool{New: func() any { return new(huffmanText) }}

func (t *huffmanText) Write(b []byte) (int, error) {
	t.n += copy(t.b[t.n:], b)
	return len(b), nil
}

// hpackInteger reads an integer with an n-bit prefix (RFC 7541 §5.1) and at most 21 more bits.
func hpackInteger(b []byte, n int) (value int, rest []byte, ok bool) {
	if len(b) == 0 {
		return 0, nil, false
	}
	most := 1<<n - 1
	value = int(b[0]) & most
	if value < most {
		return value, b[1:], true
	}
	for i := 1; i <= 3 && i < len(b); i++ {
		value += int(b[i]&0x7f) << (7 * (i - 1))
		if b[i]&0x80 == 0 {
			return value, b[i+1:], true
		}
	}
	return 0, nil, false
}

// hpackString reads a string literal (RFC 7541 §5.2); coded: it is Huffman coded.
func hpackString(b []byte) (value []byte, coded bool, rest []byte, ok bool) {
	n, after, ok := hpackInteger(b, 7)
	if !ok || n > len(after) {
		return nil, false, nil, false
	}
	return after[:n], b[0]&0x80 != 0, after[n:], true
}
