// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
)

// sip: requests and responses (RFC 3261 §7) over UDP, TCP and SCTP. Their session descriptions announce RTP and RTCP.
var sipProtocol = &dissect.Protocol{
	Name:      "sip",
	Spec:      "RFC 3261 §7; RFC 5626 §3.5.1",
	Category:  "voip",
	Over:      dissect.TCP | dissect.UDP | dissect.SCTP,
	Ports:     []uint16{5060, 5061},
	Start:     dissect.FirstBytes(append([]string{"\r", "SIP/2.0"}, sipMethods...)...),
	MinLength: 4,
	Extra:     30, // descriptions come when the other end picks up
	Members:   []string{"sip.from", "sip.method", "sip.server", "sip.status", "sip.to", "sip.user_agent"},
	Inspect:   inspectSIP,
}

// sipMethods are the methods of RFC 3261, 3262, 3265, 3311, 3428, 3515, 3903, 6086, and MS-SIPRE's two.
var sipMethods = []string{"INVITE", "ACK", "BYE", "CANCEL", "REGISTER", "OPTIONS", "PRACK", "SUBSCRIBE", "NOTIFY",
	"PUBLISH", "INFO", "REFER", "MESSAGE", "UPDATE", "SERVICE", "BENOTIFY"}

// sipSchemes are the URI schemes of request targets: RFC 3261 §19.1, RFC 3966, RFC 3859, RFC 3860.
var sipSchemes = []string{"SIP:", "SIPS:", "TEL:", "IM:", "PRES:", "URN:"}

const (
	sipVersion = "SIP/2.0"
	// sipMaxLine bounds the wait for the end of a start line, in bytes.
	sipMaxLine = 2048
	// sipMaxMessages bounds the messages read of a stream: MaxStream bytes hold about 50 of the shortest.
	sipMaxMessages = 64
)

// sipMessage is a message's parts, views into it.
type sipMessage struct {
	method, uri             []byte
	status                  int
	from, to, agent, server []byte
	sdp                     bool
	length                  int    // of the body, -1 if not given
	rest                    []byte // the bytes after the start line; after readFields, those after the header
}

func inspectSIP(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	var first, newest sipMessage
	if c.Transport == dissect.TCP {
		if v := first.readStreams(c, &newest, r); v != dissect.Yes {
			return v
		}
		tellSIP(&first, &newest, r)
		return dissect.YesMore
	}
	for i := range c.Datagrams {
		d := &c.Datagrams[i]
		payload := sipSkipKeepAlive(d.Payload)
		if len(payload) == 0 {
			continue
		}
		if first.readStart(payload) != dissect.Yes || !first.whole() && d.Length <= len(d.Payload) {
			return dissect.No
		}
		break
	}
	if first.rest == nil {
		return dissect.NeedMore
	}
	first.readFields()
	if newest.readStart(sipSkipKeepAlive(c.Newest().Payload)) == dissect.Yes {
		newest.readFields()
	}
	if newest.sdp {
		expectSDP(newest.rest, r) // earlier messages announced theirs
	}
	tellSIP(&first, &newest, r)
	return dissect.YesMore
}

// readStreams reads the messages of both directions of a TCP flow: m is the first message, newest the last.
func (m *sipMessage) readStreams(c *dissect.Conversation, newest *sipMessage, r *dissect.Result) dissect.Verdict {
	verdict := dissect.NeedMore
	for _, b := range [2][]byte{c.First(), c.Second()} {
		for range sipMaxMessages {
			if b = sipSkipKeepAlive(b); len(b) == 0 {
				break
			}
			v := newest.readStart(b)
			if v == dissect.No && verdict == dissect.NeedMore {
				return dissect.No
			}
			if v != dissect.Yes || !newest.whole() && !c.Last {
				break
			}
			newest.readFields()
			if verdict != dissect.Yes {
				verdict, *m = dissect.Yes, *newest
			}
			if newest.sdp {
				expectSDP(newest.rest, r)
			}
			if newest.length < 0 || len(newest.rest) <= newest.length {
				break
			}
			b = newest.rest[newest.length:]
		}
	}
	return verdict
}

// sipSkipKeepAlive skips the CR LF pairs (RFC 5626 §3.5.1) and zero bytes with which phones keep their NAT mapping
// alive.
func sipSkipKeepAlive(b []byte) []byte { return bytes.TrimLeft(b, "\r\n\x00") }

// readStart reads the start line (RFC 3261 §7.1, §7.2). Yes if the available part makes SIP certain: a method and the
// scheme of a URI, or version and status code.
func (m *sipMessage) readStart(b []byte) dissect.Verdict {
	line, rest, whole := cutLine(b)
	*m = sipMessage{rest: rest, length: -1}
	if couldBe(line, sipVersion+" ") {
		return m.readStatusLine(line, whole)
	}
	method, target, found := bytes.Cut(line[:min(len(line), sipMaxLine)], []byte{' '})
	if !found && !whole && sipMethodBegins(line) {
		return dissect.NeedMore
	}
	if !found || !hasVerb(method, sipMethods...) {
		return dissect.No
	}
	uri, version, _ := bytes.Cut(target, []byte{' '})
	if !sipIsURI(uri) {
		if whole || len(uri) > len("pres:") {
			return dissect.No
		}
		return dissect.NeedMore
	}
	if whole && string(version) != sipVersion || !couldBe(version, sipVersion) {
		return dissect.No
	}
	if m.method, m.uri = method, uri; !whole {
		m.rest = line[len(line):]
	}
	return dissect.Yes
}

func (m *sipMessage) readStatusLine(line []byte, whole bool) dissect.Verdict {
	const codeEnd = len(sipVersion) + len(" 200")
	if len(line) < codeEnd {
		if whole {
			return dissect.No
		}
		return dissect.NeedMore
	}
	for _, digit := range line[codeEnd-3 : codeEnd] {
		if digit < '0' || digit > '9' {
			return dissect.No
		}
		m.status = m.status*10 + int(digit-'0')
	}
	if m.status < 100 || m.status > 699 || len(line) > codeEnd && line[codeEnd] != ' ' {
		return dissect.No
	}
	if !whole {
		m.rest = line[len(line):]
	}
	return dissect.Yes
}

// whole reports whether the start line is complete.
func (m *sipMessage) whole() bool { return len(m.rest) > 0 }

// sipMethodBegins reports whether line is the beginning of a method.
func sipMethodBegins(line []byte) bool {
	for _, method := range sipMethods {
		if couldBe(line, method) {
			return true
		}
	}
	return false
}

// sipIsURI reports whether b is a URI with a scheme of request targets.
func sipIsURI(b []byte) bool {
	for _, scheme := range sipSchemes {
		if hasPrefixFold(b, scheme) {
			return true
		}
	}
	return false
}

// readFields reads the header fields after the start line, and finds the body.
func (m *sipMessage) readFields() {
	b := m.rest
	for range maxLines {
		line, rest, whole := cutLine(b)
		if b = rest; !whole || len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte{':'})
		m.field(bytes.TrimSpace(name), bytes.TrimSpace(value))
	}
	m.rest = b
}

// field keeps a header field; one-letter names are the compact form (RFC 3261 §7.3.3).
func (m *sipMessage) field(name, value []byte) {
	switch {
	case sipIsName(name, "FROM", 'f'):
		m.from = sipAddress(value)
	case sipIsName(name, "TO", 't'):
		m.to = sipAddress(value)
	case sipIsName(name, "USER-AGENT", 0):
		m.agent = value
	case sipIsName(name, "SERVER", 0):
		m.server = value
	case sipIsName(name, "CSEQ", 0) && m.method == nil:
		m.method = argument(value)
	case sipIsName(name, "CONTENT-TYPE", 'c'):
		m.sdp = hasPrefixFold(value, "APPLICATION/SDP")
	case sipIsName(name, "CONTENT-LENGTH", 'l'):
		if n, _, ok := cutNumber(value); ok {
			m.length = n
		}
	}
}

func sipIsName(name []byte, long string, short byte) bool {
	return len(name) == len(long) && hasPrefixFold(name, long) || len(name) == 1 && name[0]|0x20 == short
}

// sipAddress returns the URI of a name-addr or addr-spec (RFC 3261 §20.10), without its parameters.
func sipAddress(value []byte) []byte {
	if open := bytes.IndexByte(value, '<'); open >= 0 {
		value, _, _ = bytes.Cut(value[open+1:], []byte{'>'})
	}
	value, _, _ = bytes.Cut(value, []byte{';'})
	return value
}

// tellSIP writes fields of the first and the newest message.
func tellSIP(first, newest *sipMessage, r *dissect.Result) {
	to := first.to
	if to == nil {
		to = first.uri
	}
	if host := sipHost(to); looksLikeHost(host) && !parseAddr(host).IsValid() {
		r.SetHost(host)
	}
	o := r.Object("sip")
	o.Text("method", first.method)
	o.Text("from", first.from)
	o.Text("to", to)
	if newest.status != 0 {
		o.Int("status", int64(newest.status))
	}
	agent, server := first.agent, first.server
	if agent == nil {
		agent = newest.agent
	}
	if server == nil {
		server = newest.server
	}
	o.Text("user_agent", agent)
	o.Text("server", server)
}

// sipHost returns the host of a URI (RFC 3261 §19.1.1), without user, port and parameters.
func sipHost(uri []byte) []byte {
	if i := bytes.LastIndexByte(uri, '@'); i >= 0 {
		uri = uri[i+1:]
	} else if i := bytes.IndexByte(uri, ':'); i >= 0 {
		uri = uri[i+1:]
	}
	if i := bytes.IndexAny(uri, ":;>"); i >= 0 {
		uri = uri[:i]
	}
	return uri
}
