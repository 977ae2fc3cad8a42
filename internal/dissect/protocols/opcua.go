// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
)

// opc-ua: the connection protocol's hello with its endpoint, and secure channel messages.
var opcUAProtocol = &dissect.Protocol{
	Name:      "opc-ua",
	Spec:      "OPC 10000-6 §6.7.2, §7.1.2",
	Category:  "industrial",
	Over:      dissect.TCP,
	Ports:     []uint16{4840},
	Start:     dissect.FirstBytes("HEL", "ACK", "OPN", "MSG", "CLO", "ERR", "RHE"),
	MinLength: 8,
	Members:   []string{"opc_ua.endpoint_url", "opc_ua.security_policy"},
	Inspect:   inspectOPCUA,
}

const (
	opcHeader = 8                           // type, chunk, size
	opcLimit  = 1 << 26                     // no stack accepts a larger chunk
	opcFirst  = opcHeader + 20 + 2*(4+4096) // the part read of a first message: numbers and two texts
)

func inspectOPCUA(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	verdict := dissect.NeedMore
	for _, b := range [2][]byte{c.ToServer(), c.ToClient()} {
		if len(b) < opcHeader {
			continue
		}
		size := le32(b[4:])
		final := b[3] == 'F'
		if size < opcHeader || size > opcLimit {
			return dissect.No
		}
		switch string(b[:3]) {
		case "HEL", "RHE":
			if !final || !opcHello(b, size, r) {
				return moreIf(final && len(b) < min(size, opcFirst))
			}
			return dissect.Yes
		case "ACK":
			if !final || size != opcHeader+20 {
				return dissect.No
			}
			return dissect.Yes
		case "OPN":
			if !final || !opcOpen(b, size, r) {
				return moreIf(final && len(b) < min(size, opcFirst))
			}
			return dissect.Yes
		case "MSG", "CLO", "ERR":
			if !final && b[3] != 'C' && b[3] != 'A' {
				return dissect.No
			}
			if size <= len(b) {
				verdict = dissect.Yes // a size with at least 18 zero bits, after 32 bits of text
			}
		default:
			return dissect.No
		}
	}
	return verdict
}

// opcHello reads version, buffer sizes and limits, 4 bytes each (without those in the server's reverse hello), and
// endpoints.
func opcHello(b []byte, size int, r *dissect.Result) bool {
	at := opcHeader + 20
	if b[0] == 'R' {
		at = opcHeader
		server, n := opcText(b[min(at, len(b)):])
		if server == nil {
			return false
		}
		at += n
	}
	url, n := opcText(b[min(at, len(b)):])
	if url == nil || at+n != size || !isPrintable(url) {
		return false
	}
	r.Object("opc_ua").Text("endpoint_url", url)
	if host, ok := bytes.CutPrefix(url, []byte("opc.tcp://")); ok {
		if end := bytes.IndexAny(host, ":/"); end >= 0 {
			host = host[:end]
		}
		r.SetHost(host)
	}
	return true
}

// opcOpen reads the security policy after the channel's identifier.
func opcOpen(b []byte, size int, r *dissect.Result) bool {
	policy, n := opcText(b[min(len(b), opcHeader+4):])
	if policy == nil || opcHeader+4+n > size || !hasPrefix(policy, "http://opcfoundation.org/UA/SecurityPolicy#") {
		return false
	}
	r.Object("opc_ua").Text("security_policy", policy[bytes.IndexByte(policy, '#')+1:])
	return true
}

// opcText returns a string after its 4-byte length, at most 4,096 bytes (§7.1.2.3), and the length of both.
func opcText(b []byte) (text []byte, n int) {
	if len(b) < 4 {
		return nil, 0
	}
	length := le32(b)
	if length < 0 || length > 4096 || len(b) < 4+length {
		return nil, 0
	}
	return b[4 : 4+length], 4 + length
}
