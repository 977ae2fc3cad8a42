// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
	"github.com/weirnet/weir/internal/wire/dns"
)

// dnscrypt: encrypted answers, by their magic number, over UDP and, after two bytes of length, over TCP. The query for
// a resolver's certificate is plain DNS; inspectDNS calls dnscryptCertificate for it.
var dnsCryptProtocol = &dissect.Protocol{
	Name: "dnscrypt", Spec: "draft-denis-dprive-dnscrypt §7, §10", Category: "network",
	Over: dissect.UDP, Start: dissect.FirstBytes(dnscryptMagic), MinLength: dnscryptAnswer,
	Inspect: inspectDNSCrypt,
}

var dnsCryptStreamProtocol = &dissect.Protocol{
	Name: "dnscrypt", Spec: "draft-denis-dprive-dnscrypt §7, §10", Category: "network",
	Over: dissect.TCP, Start: dissect.ByteRange(0, 16), MinLength: 2 + dnscryptAnswer, // answers of up to 4 KiB
	Inspect: inspectDNSCryptStream,
}

const (
	dnscryptMagic = "r6fnvWj8"
	// dnscryptHalfNonce is the client's half of the nonce, which the answer repeats after the magic number.
	dnscryptHalfNonce = 12
	// dnscryptAnswer is the shortest answer: magic number, nonce, tag, and a header of DNS padded to 64 bytes.
	dnscryptAnswer = 8 + 2*dnscryptHalfNonce + 16 + 64
	// dnscryptLabels are the first labels of a name for resolver certificates: version 2, or 1 before 2013.
	dnscryptLabels = "\x0ddnscrypt-cert"
)

func inspectDNSCrypt(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	if d := c.Newest(); !hasPrefix(d.Payload, dnscryptMagic) || d.Length < dnscryptAnswer {
		return dissect.No
	}
	return dissect.Yes
}

// inspectDNSCryptStream waits for the answer: the query has no fixed bytes.
func inspectDNSCryptStream(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	for _, b := range [2][]byte{c.First(), c.Second()} {
		if len(b) >= 2+len(dnscryptMagic) && be16(b) >= dnscryptAnswer && hasPrefix(b[2:], dnscryptMagic) {
			return dissect.Yes
		}
	}
	if len(c.First()) > 1 && be16(c.First()) < dnscryptAnswer || len(c.Second()) >= 2+len(dnscryptMagic) {
		return dissect.No
	}
	return dissect.NeedMore
}

// dnscryptCertificate reports whether b is a DNS query for a resolver's certificate: "2.dnscrypt-cert.".
func dnscryptCertificate(b []byte) bool {
	const question = dns.HeaderSize
	return len(b) > question+2+len(dnscryptLabels) && be16(b[4:]) == 1 && b[question] == 1 &&
		(b[question+1] == '1' || b[question+1] == '2') && bytes.HasPrefix(b[question+2:], []byte(dnscryptLabels))
}

// inspectDNSCryptCertificate recognises such a query on its own: some clients pad it with bytes that are no records.
func inspectDNSCryptCertificate(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	b := c.Datagrams[0].Payload
	if !dnscryptCertificate(b) {
		return dissect.No
	}
	r.SetProtocol("dnscrypt")
	var text [dns.MaxText]byte
	if name, err := dns.AppendName(text[:0], b, dns.HeaderSize); err == nil {
		r.SetHost(name)
	}
	return dissect.Yes
}
