// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
)

// gelf: Graylog Extended Log Format: a JSON object of version 1.1, in a datagram, in chunks with a header, or over TCP
// up to a zero byte.
var gelfProtocol = &dissect.Protocol{
	Name:      "gelf",
	Spec:      "GELF payload specification 1.1; GELF via UDP: chunking",
	Category:  "system",
	Over:      dissect.UDP | dissect.TCP,
	Ports:     []uint16{12201},
	Start:     dissect.FirstBytes("{"),
	MinLength: 12,
	Members:   []string{"gelf.host"},
	Inspect:   inspectGELF,
}

const (
	gelfChunk = "\x1e\x0f"
	// gelfPeek bounds the search for the mandatory members, in bytes.
	gelfPeek = 2048
)

func inspectGELF(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	if c.Transport == dissect.UDP && hasPrefix(c.Newest().Payload, gelfChunk) {
		return gelfChunks(c)
	}
	b := c.First()
	if c.Transport == dissect.UDP {
		b = c.Newest().Payload
	}
	b = b[:min(len(b), gelfPeek)]
	if len(b) > 0 && b[0] != '{' {
		return dissect.No
	}
	version, host := jsonText(b, "version"), jsonText(b, "host")
	if (string(version) == "1.1" || string(version) == "1.0") && host != nil && jsonText(b, "short_message") != nil {
		r.Object("gelf").Text("host", host)
		return dissect.Yes
	}
	return moreIf(c.Transport == dissect.TCP && len(b) < gelfPeek && bytes.IndexByte(b, 0) < 0)
}

// gelfChunks wants two chunks of one message: magic number, identifier, number of the chunk, how many chunks.
func gelfChunks(c *dissect.Conversation) dissect.Verdict {
	const header, maxChunks = 12, 128
	isChunk := func(b []byte) bool {
		return len(b) > header && hasPrefix(b, gelfChunk) && b[10] < b[11] && b[11] <= maxChunks
	}
	newest := c.Newest().Payload
	if !isChunk(newest) {
		return dissect.No
	}
	for i := range c.Datagrams[:len(c.Datagrams)-1] {
		if b := c.Datagrams[i].Payload; isChunk(b) && string(b[2:10]) == string(newest[2:10]) && b[11] == newest[11] &&
			b[10] != newest[10] {
			return dissect.Yes
		}
	}
	return dissect.NeedMore
}
