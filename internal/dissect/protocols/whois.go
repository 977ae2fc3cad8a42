// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
)

// whois: RFC 3912: a line with a name to port 43, and text until the server closes. It has no other form, so only its
// port leads to this dissector (and the port of DAS, which answers with "available").
var whoisProtocol = &dissect.Protocol{
	Name: "whois", Spec: "RFC 3912 §2", Category: "network",
	Members: []string{"whois.query"},
	Over:    dissect.TCP, Ports: []uint16{43, 4343}, Inspect: inspectWhois,
}

func inspectWhois(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	const maxQuery, maxLine = 512, 256
	request, reply := c.ToServer(), c.ToClient()
	if len(request) == 0 {
		line, _, ok := bytes.Cut(reply[:min(len(reply), maxLine)], []byte("\n"))
		if !ok || len(line) < 4 || !isWhoisReply(reply) {
			return dissect.NeedMore
		}
		return dissect.Yes
	}
	query, rest, ok := bytes.Cut(request, []byte("\n"))
	if !isPrintable(query[:min(len(query), maxQuery)]) || len(query) > maxQuery || c.ServerFirst() {
		return dissect.No
	}
	query = bytes.TrimSpace(query)
	if !ok || len(query) == 0 {
		return dissect.NeedMore
	}
	if len(reply) == 0 && !(c.Last && bytes.HasSuffix(request, []byte("\r\n"))) {
		return moreIf(len(rest) == 0)
	}
	if len(rest) == 0 && isText(reply) && bytes.IndexByte(reply, '\n') < 0 && !isWhoisReply(reply) {
		return dissect.NeedMore
	}
	if len(rest) > 0 || len(reply) > 0 && !isWhoisReply(reply) || bytes.HasPrefix(query, []byte("GET ")) ||
		bytes.Contains(query, []byte(" HTTP/")) {
		return dissect.No
	}
	r.Object("whois").Text("query", query)
	return dissect.Yes
}

// isWhoisReply reports whether the start of b reads like a registry's answer: text that begins with a comment, has a
// field ("Name: Mr Smith") or denies a match.
func isWhoisReply(b []byte) bool {
	const enough = 2048
	b = bytes.TrimLeft(b[:min(len(b), enough)], "\r\n\t ")
	if len(b) == 0 || !isText(b) {
		return false
	}
	if b[0] == '%' || b[0] == '#' || bytes.Contains(b, []byte(": ")) || bytes.Contains(b, []byte(":\r\n")) {
		return true
	}
	for _, phrase := range [...]string{"o match", "ot found", "o entries", "o data found", " is free", "vailable",
		"nvalid ", "rror"} {
		if bytes.Contains(b, []byte(phrase)) {
			return true
		}
	}
	return false
}
