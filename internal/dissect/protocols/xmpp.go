// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
)

// xmpp: the stream header (RFC 6120 §4.7), or whole stanzas in mid-flow, with STARTTLS (§5).
var xmppProtocol = &dissect.Protocol{
	Name:      "xmpp",
	Spec:      "RFC 6120 §4.7, §5, §8.1",
	Category:  "messaging",
	Over:      dissect.TCP,
	Ports:     []uint16{5222, 5223, 5269},
	Start:     dissect.FirstBytes("<"),
	MinLength: 5,
	Extra:     10, // a certificate after STARTTLS
	Members:   []string{"tls.*", "xmpp.starttls", "xmpp.to"},
	Inspect:   inspectXMPP,
}

const (
	// xmppPeek bounds the search for a stream's header, in bytes.
	xmppPeek = 512
	// xmppScan bounds the search for the start of TLS, in bytes: features come before it.
	xmppScan = 4096
)

func inspectXMPP(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	toServer, toClient := c.ToServer(), c.ToClient()
	if !xmppCouldBe(toServer) || !xmppCouldBe(toClient) {
		return dissect.No
	}
	header := xmppHeader(toServer)
	if header == nil && xmppHeader(toClient) == nil && !xmppStanza(toServer) && !xmppStanza(toClient) {
		if len(toServer) > xmppPeek || len(toClient) > xmppPeek {
			return dissect.No
		}
		return dissect.NeedMore
	}
	o := r.Object("xmpp")
	to := xmppAttribute(header, "to=")
	if to == nil {
		to = xmppAttribute(xmppHeader(toClient), "from=")
	}
	if looksLikeHost(to) {
		r.SetHost(to)
	}
	o.Text("to", to)
	if bytes.Contains(toServer[:min(len(toServer), xmppScan)], []byte("<starttls")) {
		o.Bool("starttls", true)
		if inner := xmppTLS(toServer); inner != nil {
			return insideTLS(inner, xmppTLS(toClient), r)
		}
	}
	return dissect.YesMore
}

// xmppCouldBe reports whether b begins as XML does in XMPP, or is empty.
func xmppCouldBe(b []byte) bool {
	b = bytes.TrimLeft(b, " \r\n")
	return couldBe(b, "<?xml ") || couldBe(b, "<stream:") || couldBe(b, "<iq ") || couldBe(b, "<message ") ||
		couldBe(b, "<presence") || couldBe(b, "<flash:stream")
}

// xmppHeader returns the stream's start tag, as far as it has arrived; nil if absent.
func xmppHeader(b []byte) []byte {
	head := b[:min(len(b), xmppPeek)]
	start := bytes.Index(head, []byte("<stream:stream"))
	if start < 0 {
		return nil
	}
	head = head[start:]
	if end := bytes.IndexByte(head, '>'); end >= 0 {
		head = head[:end]
	}
	if !bytes.Contains(head, []byte("jabber:")) && !bytes.Contains(head, []byte("etherx.jabber.org")) {
		return nil
	}
	return head
}

// xmppStanza reports whether b begins with a stanza (RFC 6120 §8.2): iq with a type, or a message or presence with
// addresses.
func xmppStanza(b []byte) bool {
	end := bytes.IndexByte(b[:min(len(b), xmppPeek)], '>')
	if end < 0 {
		return false
	}
	tag := b[:end]
	return hasPrefix(tag, "<iq ") && xmppAttribute(tag, "type=") != nil && xmppAttribute(tag, "id=") != nil ||
		(hasPrefix(tag, "<message ") || hasPrefix(tag, "<presence ")) && (xmppAttribute(tag, "to=") != nil ||
			xmppAttribute(tag, "from=") != nil)
}

// xmppAttribute returns the quoted value of the attribute name, which ends in "=".
func xmppAttribute(tag []byte, name string) []byte {
	for i := 1; i+len(name) < len(tag); i++ {
		if tag[i-1] != ' ' || !hasPrefix(tag[i:], name) {
			continue
		}
		rest := tag[i+len(name):]
		if end := bytes.IndexByte(rest[1:], rest[0]); (rest[0] == '"' || rest[0] == '\'') && end > 0 {
			return rest[1 : 1+end]
		}
	}
	return nil
}

// xmppTLS returns b from the point where XML ends and a TLS handshake record begins.
func xmppTLS(b []byte) []byte {
	for i := 1; i+1 < min(len(b), xmppScan); i++ {
		if b[i] == 0x16 && b[i+1] == 3 && (b[i-1] == '>' || b[i-1] == '\n') {
			return b[i:]
		}
	}
	return nil
}
