// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// After RFC 6120 §9.1; the TLS record's header is a ClientHello's.
var (
	xmppTalk = tcp(5222,
		C("<stream:stream from='juliet@im.example.com' to='im.example.com' version='1.0' xml:lang='en' "+
			"xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"),
		S("<stream:stream from='im.example.com' xmlns='jabber:client'><stream:features/>"),
		C("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"),
		S("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"), CX("1603010005 0100000100"))
	xmppDeclared = tcp(5000, C("<?xml version='1.0'?>"), C("<stream:stream xmlns=\"jabber:client\" to=\"a.example\">"))
	xmppMid      = tcp(5222, S("<iq from='a@b' type='result' id='4'>"))
)

func TestXMPP(t *testing.T) {
	if h := wantProtocol(t, xmppTalk, "xmpp", `"to":"im.example.com"`, `"starttls":true`); h.Host != "im.example.com" {
		t.Errorf("host %q", h.Host)
	}
	wantProtocol(t, xmppDeclared, "xmpp", `"to":"a.example"`)
	wantProtocol(t, xmppMid, "xmpp")
	wantNot(t, tcp(5222, C("<?xml version='1.0'?><soap:Envelope to='a'>")), "xmpp")
	wantNot(t, tcp(5222, C("<message>hello</message>")), "xmpp")
	for _, k := range []talk{xmppTalk, xmppDeclared, xmppMid} {
		testTruncations(t, "xmpp", k, 30)
		wantNoAllocations(t, "xmpp", k)
	}
}

func FuzzXMPP(f *testing.F) { fuzzTalks(f, "xmpp", xmppTalk, xmppDeclared, xmppMid) }
