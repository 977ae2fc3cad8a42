// SPDX-License-Identifier: Apache-2.0

package dissect

import "bytes"

// WHOIS (RFC 3912): a line with a name to port 43, and text until the server closes. It has nothing else to it, so it is
// looked for at its port only (and at DAS's, which is the same with "available" for an answer).
var _ = register(Protocol{
	Name: "whois", Spec: "RFC 3912 §2", Category: "network",
	Over: TCP, Ports: []uint16{43, 4343}, Inspect: inspectWhois,
})

func inspectWhois(c *Conversation, r *Result) Verdict {
	const maxQuery = 512
	request, reply := c.ToServer(), c.ToClient()
	if len(request) == 0 {
		// The answer alone: comments begin with "%" or "#", fields with a word and a colon.
		line, _, ok := bytes.Cut(reply[:min(len(reply), 256)], []byte("\n"))
		if !ok || !isPrintable(line) || len(line) < 4 || line[0] != '%' && line[0] != '#' && bytes.IndexByte(line, ':') < 0 {
			return NeedMore
		}
		return Yes
	}
	query, _, ok := bytes.Cut(request, []byte("\n"))
	if !isPrintable(query[:min(len(query), maxQuery)]) || len(query) > maxQuery || c.ServerFirst() {
		return No
	}
	query = bytes.TrimSpace(query)
	if !ok || len(query) == 0 {
		return NeedMore
	}
	if len(reply) == 0 && !c.Last && !bytes.HasSuffix(request, []byte("\r\n")) {
		return NeedMore
	}
	if len(reply) > 0 && !isText(reply) || bytes.HasPrefix(query, []byte("GET ")) || bytes.Contains(query, []byte(" HTTP/")) {
		return No
	}
	r.Object("whois").Text("query", query)
	return Yes
}

// isText says whether the start of b is text in any encoding: no control characters but white space.
func isText(b []byte) bool {
	for _, c := range b[:min(len(b), 256)] {
		if c < ' ' && c != '\n' && c != '\r' && c != '\t' && c != '\f' {
			return false
		}
	}
	return true
}
