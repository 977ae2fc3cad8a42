// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
)

// json-rpc: JSON-RPC 2.0 and 1.0 directly over TCP: bare objects, in lines, after their length in decimal, or after the
// header of the Language Server Protocol. Heuristic: protocols with their own JSON-RPC methods come first.
var jsonRPCProtocol = &dissect.Protocol{
	Name:      "json-rpc",
	Spec:      "JSON-RPC 2.0 §4, §5; JSON-RPC 1.0 §1.1, §1.2; Language Server Protocol: Base Protocol",
	Category:  "rpc",
	Over:      dissect.TCP,
	Start:     dissect.FirstBytes("{", "[", "Content-Length").Or(dissect.ByteRange('0', '9')),
	MinLength: 2,
	Heuristic: true,
	Inspect:   inspectJSONRPC,
}

// jsonrpcPeek bounds the search for the version, in bytes; all libraries write it among the first members.
const jsonrpcPeek = 1024

func inspectJSONRPC(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	first, ok := jsonrpcObject(c.First())
	second, ok2 := jsonrpcObject(c.Second())
	if !ok || !ok2 {
		return dissect.No
	}
	if !jsonrpcVersion(first) && !jsonrpcVersion(second) && !jsonrpc1(first, second) {
		if len(first) >= jsonrpcPeek || len(second) >= jsonrpcPeek {
			return dissect.No
		}
		return dissect.NeedMore
	}
	if !c.Last && (!jsonrpcWhole(c.First()) || !jsonrpcWhole(c.Second())) {
		return dissect.NeedMore // the method's name, which marks other protocols, may still be missing
	}
	return dissect.Yes
}

// jsonrpcWhole reports whether the stream b ends like an object or list, or fills the search bound.
func jsonrpcWhole(b []byte) bool {
	b = bytes.TrimRight(b[:min(len(b), jsonrpcPeek)], "\r\n \x00")
	return len(b) == 0 || len(b) >= jsonrpcPeek || b[len(b)-1] == '}' || b[len(b)-1] == ']'
}

// jsonrpcObject returns the object or list at the start of b, after an optional length; empty until it arrives. ok is
// false if b is neither.
func jsonrpcObject(b []byte) (object []byte, ok bool) {
	b = b[:min(len(b), jsonrpcPeek)]
	for range 4 { // two header lines, an empty one, the object
		if len(b) == 0 || b[0] == '{' || b[0] == '[' {
			return b, true
		}
		line, rest, whole := cutLine(b)
		if !isDigits(line) && len(line) > 0 && !couldBe(line, "Content-Length: ") &&
			!hasPrefix(line, "Content-Type: ") {
			return nil, false
		}
		if !whole {
			return nil, true
		}
		b = rest
	}
	return nil, false
}

// jsonrpc1 reports whether the objects are a request of version 1.0 and its answer, in either order: each has exactly
// three mandatory members.
func jsonrpc1(a, b []byte) bool {
	if jsonMember(b, `"method"`) != nil {
		a, b = b, a
	}
	return jsonMember(a, `"method"`) != nil && jsonMember(a, `"params"`) != nil &&
		jsonMember(a, `"id"`) != nil &&
		jsonMember(b, `"result"`) != nil && jsonMember(b, `"error"`) != nil && jsonMember(b, `"id"`) != nil
}

// jsonrpcVersion reports whether b holds the member "jsonrpc": "2.0".
func jsonrpcVersion(b []byte) bool {
	const member = `"jsonrpc"`
	i := bytes.Index(b, []byte(member))
	if i < 0 {
		return false
	}
	value, ok := bytes.CutPrefix(bytes.TrimLeft(b[i+len(member):], " "), []byte(":"))
	return ok && hasPrefix(bytes.TrimLeft(value, " "), `"2.0"`)
}
