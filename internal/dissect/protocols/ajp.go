// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// ajp: Apache JServ Protocol 1.3 between web server and servlet container: 0x1234 or "AB", length, and a message.
var ajpProtocol = &dissect.Protocol{
	Name:      "ajp",
	Spec:      "Apache Tomcat Connectors: AJPv13",
	Category:  "web",
	Over:      dissect.TCP,
	Ports:     []uint16{8009},
	Start:     dissect.BytesOf(0x12, 'A'),
	MinLength: ajpHeader + 1,
	Members:   []string{"ajp.path", "ajp.remote_address"},
	Inspect:   inspectAJP,
}

const ajpHeader = 4

func inspectAJP(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	request, reply := c.ToServer(), c.ToClient()
	if hasPrefix(request, "AB") {
		request, reply = reply, request // a capture from mid-flow swaps the sides
	}
	if len(request) > ajpHeader {
		return ajpRequest(request, r)
	}
	if len(request) > 0 || len(reply) <= ajpHeader {
		return dissect.NeedMore
	}
	const sendHeaders, pong = 4, 9
	switch size := be16(reply[2:]); {
	case !hasPrefix(reply, "AB"):
		return dissect.No
	case reply[4] == pong && size == 1, reply[4] == sendHeaders && size > 6 && len(reply) > 6 &&
		be16(reply[5:]) >= 100 && be16(reply[5:]) < 600:
		return dissect.Yes
	}
	return dissect.No
}

// ajpRequest checks CPing, a bare code, and a forwarded request: method, then protocol, URI, remote address and host,
// and server name, each between its length and a zero byte.
func ajpRequest(b []byte, r *dissect.Result) dissect.Verdict {
	const magic, ping, forward, methods = 0x1234, 10, 2, 27
	size := be16(b[2:])
	if be16(b) != magic || size == 0 {
		return dissect.No
	}
	if b[4] == ping && size == 1 {
		return dissect.Yes
	}
	const start = ajpHeader + 2
	if b[4] != forward || len(b) > start && (b[5] == 0 || b[5] > methods) {
		return dissect.No
	}
	if len(b) < start {
		return dissect.NeedMore
	}
	var texts [5][]byte
	rest := b[start:]
	for i := range texts {
		text, after, ok := ajpText(rest)
		if !ok {
			return dissect.NeedMore
		}
		if i == 0 && !hasPrefix(text, "HTTP/") {
			return dissect.No
		}
		texts[i], rest = text, after
	}
	o := r.Object("ajp")
	path := texts[1]
	for i, c := range path {
		if c == '?' {
			path = path[:i]
			break
		}
	}
	o.Text("path", path)
	o.Text("remote_address", texts[2])
	r.SetHost(texts[4])
	return dissect.Yes
}

// ajpText reads a string: length 0xffff means none.
func ajpText(b []byte) (text, rest []byte, ok bool) {
	if len(b) < 2 {
		return nil, nil, false
	}
	n := be16(b)
	if n == 0xffff {
		return nil, b[2:], true
	}
	if len(b) < 2+n+1 {
		return nil, nil, false
	}
	return b[2 : 2+n], b[2+n+1:], true
}
