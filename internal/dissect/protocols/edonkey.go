// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
)

// edonkey: eDonkey2000 and eMule: the messages that open a connection to a server or a peer, over TCP, and Kademlia
// searches over UDP.
var edonkeyProtocol = &dissect.Protocol{
	Name: "edonkey", Spec: "Kulbak and Bickson, The eMule Protocol Specification §6", Category: "file-sharing",
	Over: dissect.TCP, Ports: []uint16{4661, 4662}, Start: dissect.BytesOf(edonkeyMark), MinLength: 5,
	Members: []string{"edonkey.user_hash"},
	Inspect: inspectEdonkey,
}

var edonkeyDatagramProtocol = &dissect.Protocol{
	Name: "edonkey", Spec: "Kulbak and Bickson, The eMule Protocol Specification §6; eMule Kademlia 2",
	Category: "file-sharing",
	Over:     dissect.UDP, Ports: []uint16{4665, 4672}, Start: dissect.BytesOf(edonkeyMark, edonkeyKad), MinLength: 2,
	Members: []string{"edonkey.user_hash"},
	Inspect: inspectEdonkeyDatagram,
}

const (
	edonkeyMark = 0xe3
	edonkeyKad  = 0xe4
	// edonkeyHash is the length of a user's, file's or node's identifier, in bytes.
	edonkeyHash = 16
)

// inspectEdonkey checks the login to a server, or a peer's hello or its answer: mark, length, operation, user hash,
// client identifier, port, and tags, the first of which must be sound.
func inspectEdonkey(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	const login, helloAnswer, header, maxLength, maxTags = 0x01, 0x4c, 6, 2048, 16
	b := c.First()
	if len(b) > 0 && b[0] != edonkeyMark {
		b = c.Second()
	}
	if len(b) < header {
		return dissect.NeedMore
	}
	length, operation := le32(b[1:]), b[5]
	if b[0] != edonkeyMark || length > maxLength || operation != login && operation != helloAnswer {
		return dissect.No
	}
	body := b[header:]
	if len(body) > 0 && operation == login && body[0] == edonkeyHash {
		body = body[1:] // a hello to a peer includes the hash's length, the login to a server doesn't
	}
	const tags = edonkeyHash + 4 + 2
	if len(body) < tags+4+4 {
		return dissect.NeedMore
	}
	if count := le32(body[tags:]); count < 1 || count > maxTags || length < header-5+tags+4+4*count {
		return dissect.No
	}
	if !isEdonkeyTag(body[tags+4:]) {
		return dissect.No
	}
	r.Object("edonkey").Hex("user_hash", body[:edonkeyHash])
	return dissect.Yes
}

// isEdonkeyTag checks a tag's type and its name, which has one byte in these messages: type, length, name; or, with the
// type's top bit, type and name.
func isEdonkeyTag(b []byte) bool {
	switch kind := b[0] & 0x7f; {
	case kind == 0 || kind > 0x0b && (kind < 0x11 || kind > 0x20):
		return false
	case b[0]&0x80 != 0:
		return b[1] != 0
	}
	return le16(b[1:]) == 1 && b[3] != 0
}

func inspectEdonkeyDatagram(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	const kadRequest, kadResponse = 0x21, 0x29
	newest := c.Newest()
	b := newest.Payload
	if len(b) < 2 || len(b) != newest.Length {
		return dissect.No
	}
	if b[0] == edonkeyMark {
		return edonkeyServerStatus(c)
	}
	if b[0] != edonkeyKad {
		return dissect.No
	}
	for i := range c.Datagrams {
		question := c.Datagrams[i].Payload
		if len(question) != 2+1+2*edonkeyHash || question[0] != edonkeyKad || question[1] != kadRequest ||
			c.Datagrams[i].FromClient == newest.FromClient {
			continue
		}
		if isKadResponse(b, 1) && bytes.Equal(b[2:2+edonkeyHash], question[3:3+edonkeyHash]) {
			return dissect.Yes
		}
	}
	if b[1] == kadResponse && isKadResponse(b, 3) {
		return dissect.Yes
	}
	return dissect.NeedMore
}

// isKadResponse checks an answer with several contacts: target, count, and for each of them identifier, address, two
// ports and the version.
func isKadResponse(b []byte, atLeast int) bool {
	const contact, contacts, response, maxVersion = 25, 2 + edonkeyHash + 1, 0x29, 0x0b
	if len(b) < contacts || b[1] != response || int(b[contacts-1]) < atLeast || len(b) != contacts+
		contact*int(b[contacts-1]) {
		return false
	}
	for at := contacts; at < len(b); at += contact {
		if version := b[at+contact-1]; version == 0 || version > maxVersion {
			return false
		}
	}
	return true
}

// edonkeyServerStatus finds a status request and the answer that repeats its challenge.
func edonkeyServerStatus(c *dissect.Conversation) dissect.Verdict {
	const request, response, challenge = 0x96, 0x97, 2
	newest := c.Newest()
	b := newest.Payload
	switch {
	case b[1] == request && len(b) == challenge+4:
		return dissect.NeedMore
	case b[1] != response || len(b) < challenge+4+8:
		return dissect.No
	}
	for i := range c.Datagrams {
		if d := &c.Datagrams[i]; d.FromClient != newest.FromClient && len(d.Payload) == challenge+4 &&
			d.Payload[1] == request && bytes.Equal(d.Payload[challenge:], b[challenge:challenge+4]) {
			return dissect.Yes
		}
	}
	return dissect.NeedMore
}
