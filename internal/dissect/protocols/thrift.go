// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// thrift: the strict binary protocol and the compact protocol, framed or not: version, kind of message and the method's
// name.
var thriftProtocol = &dissect.Protocol{
	Name:      "thrift",
	Spec:      "Apache Thrift: thrift-binary-protocol.md, thrift-compact-protocol.md, thrift-rpc.md",
	Category:  "rpc",
	Over:      dissect.TCP | dissect.UDP, // tracing agents send datagrams
	Ports:     []uint16{9090, 6831, 6832},
	Start:     dissect.BytesOf(0x80, 0x82, 0),
	MinLength: 8,
	Members:   []string{"thrift.method"},
	Inspect:   inspectThrift,
}

const (
	// thriftMaxMethod is the longest plausible method name.
	thriftMaxMethod = 128
	// thriftMaxFrame is the libraries' default limit of 16,384,000 bytes, hence a first byte of 0.
	thriftMaxFrame = 16384000
)

func inspectThrift(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	method, call := thriftMessage(c.First())
	answered, reply := thriftMessage(c.Second())
	switch {
	case method == nil:
		return dissect.No
	case call == 0:
		return dissect.NeedMore
	case len(c.Second()) > 0 && answered == nil:
		return dissect.No
	case reply == 0:
		// The name's length and letters are distinctive: 4 bytes of version and kind, and 8 of 256 for each letter. A
		// compact message has 16 bits and the letters.
		if len(method) < 4 {
			return dissect.NeedMore
		}
	case string(answered) != string(method):
		return dissect.No
	}
	r.Object("thrift").Text("method", method)
	return dissect.Yes
}

// thriftMessage reads the head of a message: its method and kind (1 call, 2 reply, 3 exception, 4 oneway). The kind is
// 0 until the head is complete; the method is nil if b holds none.
func thriftMessage(b []byte) (method []byte, kind byte) {
	if len(b) >= 4 && b[0] == 0 && be32(b) <= thriftMaxFrame {
		b = b[4:]
	}
	if len(b) < 8 {
		return []byte{}, 0
	}
	length := 0
	switch {
	case b[0] == 0x80 && b[1] == 1 && b[2] == 0:
		kind, length, b = b[3], be32(b[4:]), b[8:]
	case b[0] == 0x82 && b[1]&0x1f == 1:
		kind, b = b[1]>>5, b[2:]
		for i := 0; i < 5 && b[0]&0x80 != 0 && len(b) > 2; i++ { // the sequence number, a varint
			b = b[1:]
		}
		length, b = int(b[1]), b[2:]
	default:
		return nil, 0
	}
	if kind < 1 || kind > 4 || length < 1 || length > thriftMaxMethod {
		return nil, 0
	}
	n := min(length, len(b))
	for _, c := range b[:n] {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && c != ':' && c != '.' &&
			c != '/' {
			return nil, 0
		}
	}
	if n < length {
		return []byte{}, 0
	}
	return b[:n], kind
}
