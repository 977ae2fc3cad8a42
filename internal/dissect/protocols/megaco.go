// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
)

// megaco: H.248's text encoding (RFC 3525 annex B) over UDP, over TCP in TPKT (RFC 3525 annex D.2) and over SCTP.
var megacoProtocol = &dissect.Protocol{
	Name:      "megaco",
	Spec:      "RFC 3525 annex B.2, D",
	Category:  "voip",
	Over:      dissect.UDP | dissect.TCP | dissect.SCTP,
	Ports:     []uint16{2944, 2945},
	Start:     dissect.BytesOf('!', 'M', 'm'),
	MinLength: 6,
	Members:   []string{"megaco.sender", "megaco.version"},
	Inspect:   inspectMegaco,
}

func inspectMegaco(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	b := c.First()
	if c.Transport == dissect.TCP && len(b) >= 4 && b[0] == 3 && b[1] == 0 {
		b = b[4:]
	}
	token, rest, found := bytes.Cut(b[:min(len(b), len("MEGACO/99 "))], []byte{'/'})
	if string(token) != "!" && !bytes.EqualFold(token, []byte("MEGACO")) {
		if len(b) == 0 || couldBe(b, "MEGACO/") {
			return dissect.NeedMore
		}
		return dissect.No
	}
	if !found || len(rest) < 3 {
		return dissect.NeedMore
	}
	// The version has 1 or 2 digits; white space and the sender follow: [address], <domain>, a name or an MTP address.
	version, _, ok := cutNumber(rest)
	rest = b[len(token)+1:]
	for len(rest) > 0 && rest[0] >= '0' && rest[0] <= '9' {
		rest = rest[1:]
	}
	sender := bytes.TrimLeft(rest, " \t\r\n")
	if !ok || version == 0 || version > 9 || len(sender) == len(rest) {
		return dissect.No
	}
	if len(sender) == 0 {
		return dissect.NeedMore
	}
	end := bytes.IndexAny(sender[:min(len(sender), 128)], " \t\r\n")
	if sender[0] != '[' && sender[0] != '<' && !isPrintable(sender[:min(len(sender), 16)]) || len(token) == 1 &&
		sender[0] != '[' && sender[0] != '<' {
		return dissect.No
	}
	if end < 0 {
		if c.Transport != dissect.TCP || len(sender) > 128 {
			return dissect.No
		}
		return dissect.NeedMore
	}
	o := r.Object("megaco")
	o.Int("version", int64(version))
	o.Text("sender", sender[:end])
	return dissect.Yes
}
