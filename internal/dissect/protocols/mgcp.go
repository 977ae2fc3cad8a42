// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
)

// mgcp: the Media Gateway Control Protocol (RFC 3435 §3) over UDP. Its session descriptions announce RTP.
var mgcpProtocol = &dissect.Protocol{
	Name:      "mgcp",
	Spec:      "RFC 3435 §3.2, §3.3",
	Category:  "voip",
	Over:      dissect.UDP,
	Ports:     []uint16{2427, 2727},
	Start:     dissect.FirstBytes(mgcpVerbs...),
	MinLength: 8,
	Extra:     10, // descriptions come with the first call
	Members:   []string{"mgcp.command", "mgcp.endpoint"},
	Inspect:   inspectMGCP,
}

// mgcpVerbs are the commands of RFC 3435 §2.3 and RFC 3991 §2.
var mgcpVerbs = []string{"EPCF", "CRCX", "MDCX", "DLCX", "RQNT", "NTFY", "AUEP", "AUCX", "RSIP", "MESG"}

func inspectMGCP(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	certain := false
	var body []byte // of the newest
	o := r.Object("mgcp")
	for i := range c.Datagrams {
		line, rest, whole := cutMGCPLine(c.Datagrams[i].Payload)
		verb, arguments, _ := bytes.Cut(line, []byte{' '})
		id, target, _ := bytes.Cut(arguments, []byte{' '})
		if !whole || !mgcpTransaction(id) {
			return dissect.No
		}
		if hasVerb(verb, mgcpVerbs...) {
			endpoint, version, _ := bytes.Cut(target, []byte{' '})
			if !hasPrefixFold(version, "MGCP ") {
				return dissect.No
			}
			if !certain {
				o.Text("command", verb)
				o.Text("endpoint", endpoint)
			}
			certain = true
		} else if len(verb) != 3 || replyCode(verb) == 0 {
			return dissect.No
		}
		body = rest
	}
	if description := bytes.Index(body, []byte("v=0")); certain && description >= 0 {
		expectSDP(body[description:], r)
	}
	if !certain {
		return dissect.NeedMore
	}
	return dissect.YesMore
}

// cutMGCPLine cuts at CR LF or LF (§3.1), and at the CR alone that some send.
func cutMGCPLine(b []byte) (line, rest []byte, whole bool) {
	i := bytes.IndexAny(b, "\r\n")
	if i < 0 {
		return b, nil, false
	}
	return b[:i], b[i+1:], true
}

// mgcpTransaction reports whether b is a transaction id: 1 to 9 digits (§3.2.1.2).
func mgcpTransaction(b []byte) bool {
	for _, digit := range b {
		if digit < '0' || digit > '9' {
			return false
		}
	}
	return len(b) > 0 && len(b) <= 9
}
