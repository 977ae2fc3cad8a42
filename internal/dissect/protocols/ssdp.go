// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
)

// ssdp: HTTP's syntax in UDP datagrams (UPnP Device Architecture 2.0 §1).
var ssdpProtocol = &dissect.Protocol{
	Name:      "ssdp",
	Spec:      "UPnP Device Architecture 2.0 §1.2, §1.3",
	Category:  "network",
	Over:      dissect.UDP,
	Ports:     []uint16{1900},
	Start:     dissect.FirstBytes(ssdpStarts...),
	MinLength: 20,
	Members: []string{"ssdp.location", "ssdp.man", "ssdp.method", "ssdp.nt", "ssdp.nts", "ssdp.server",
		"ssdp.st", "ssdp.user_agent", "ssdp.usn"},
	Inspect: inspectSSDP,
}

var ssdpStarts = []string{"M-SEARCH * HTTP/1.", "NOTIFY * HTTP/1.", "HTTP/1.1 200 OK\r\n", "HTTP/1.0 200 OK\r\n"}

// ssdpFields are the header fields in the record, with their names in both.
var ssdpFields = [...]struct{ wire, field string }{
	{"SERVER:", "server"}, {"USN:", "usn"}, {"ST:", "st"}, {"NT:", "nt"}, {"NTS:", "nts"}, {"LOCATION:", "location"},
	{"USER-AGENT:", "user_agent"}, {"MAN:", "man"},
}

func inspectSSDP(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	b := c.First()
	if !hasAnyPrefix(b, ssdpStarts) {
		return dissect.No
	}
	method, _, _ := bytes.Cut(b, []byte(" "))
	o := r.Object("ssdp")
	if b[0] == 'H' {
		o.String("method", "response")
	} else {
		o.Text("method", method)
	}
	_, rest, _ := bytes.Cut(b, []byte("\n"))
	var known dissect.ByteSet // a repeated field counts once
	for range maxSSDPLines {
		line, after, whole := bytes.Cut(rest, []byte("\n"))
		if !whole && len(line) == 0 {
			break
		}
		rest = after
		line = bytes.TrimSuffix(line, []byte("\r"))
		for i, f := range ssdpFields {
			if hasPrefixFold(line, f.wire) && !known.Has(byte(i)) {
				o.Text(f.field, bytes.Trim(line[len(f.wire):], ` "`))
				known = known.Or(dissect.BytesOf(byte(i)))
			}
		}
	}
	if b[0] == 'H' && known == (dissect.ByteSet{}) {
		return dissect.No // HTTP in datagrams, but no discovery
	}
	return dissect.Yes
}

// maxSSDPLines bounds the header lines read; devices send about ten.
const maxSSDPLines = 40
