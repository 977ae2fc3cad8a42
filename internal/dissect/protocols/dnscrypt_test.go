// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand from the draft's §7 and §10.
var (
	dnscryptUDP  = udp(5353, C(sealed(512)), S("r6fnvWj8"+sealed(24+16+128)))
	dnscryptTCP  = tcp(443, C("\x01\x20"+sealed(288)), S("\x00\xb0r6fnvWj8"+sealed(24+16+128)))
	dnscryptCert = udp(443, C("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x012\x0ddnscrypt-cert\x07example\x03c"+
		"om\x00\x00\x10\x00\x01"))
	// The same with an additional record of type 0.
	dnscryptPadded = udp(443, C("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x01\x012\x0ddnscrypt-cert\x07example"+
		"\x03com\x00\x00\x10\x00\x01\x00\x00\x00\x00\x00\x00"))
)

func TestDNSCrypt(t *testing.T) {
	wantProtocol(t, dnscryptUDP, "dnscrypt")
	wantProtocol(t, dnscryptTCP, "dnscrypt")
	for _, k := range []talk{dnscryptCert, dnscryptPadded} {
		if h := wantProtocol(t, k, "dnscrypt"); h.Host != "2.dnscrypt-cert.example.com" {
			t.Errorf("host %q", h.Host)
		}
	}
	wantNot(t, udp(443, C(sealed(512)), S("r6fnvWj8"+sealed(60))), "dnscrypt")
	wantNot(t, udp(53, C("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x012\x0cdnscrypt-cer\x07example\x03com\x00"+
		"\x00\x10\x00\x01")), "dnscrypt")
	for _, k := range []talk{dnscryptUDP, dnscryptTCP} {
		testTruncations(t, "dnscrypt", k, len(k.Says[0].Bytes))
		wantNoAllocations(t, "dnscrypt", k)
	}
	wantNoAllocations(t, "dns", dnscryptPadded)
}

func FuzzDNSCrypt(f *testing.F) { fuzzTalks(f, "dnscrypt", dnscryptUDP) }

func FuzzDNSCryptStream(f *testing.F) { fuzzTalks(f, "dnscrypt", dnscryptTCP) }
