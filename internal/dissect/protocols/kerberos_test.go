// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"encoding/binary"
	"testing"
)

// tlv builds an element of BER; the messages are built after RFC 4120 §5.4.1 and §5.9.1.
func tlv(tag byte, parts ...string) string {
	body := ""
	for _, p := range parts {
		body += p
	}
	if len(body) < 128 {
		return string([]byte{tag, byte(len(body))}) + body
	}
	return string([]byte{tag, 0x82, byte(len(body) >> 8), byte(len(body))}) + body
}

func kerberosInt(n byte) string { return tlv(0x02, string([]byte{n})) }

func kerberosName(parts ...string) string {
	list := ""
	for _, p := range parts {
		list += tlv(0x1b, p)
	}
	return tlv(0x30, tlv(0xa0, kerberosInt(1)), tlv(0xa1, tlv(0x30, list)))
}

var (
	kerberosASReq = tlv(0x6a, tlv(0x30, tlv(0xa1, kerberosInt(5)), tlv(0xa2, kerberosInt(10)), tlv(0xa4, tlv(0x30,
		tlv(0xa0, "\x03\x05\x00\x40\x00\x00\x00"), tlv(0xa1, kerberosName("ann")), tlv(0xa2, tlv(0x1b, "EX.ORG")),
		tlv(0xa3, kerberosName("krbtgt", "EX.ORG"))))))
	kerberosError = tlv(0x7e, tlv(0x30, tlv(0xa0, kerberosInt(5)), tlv(0xa1, kerberosInt(30)),
		tlv(0xa4, tlv(0x18, "20260101000000Z")),
		tlv(0xa5, kerberosInt(1)), tlv(0xa6, kerberosInt(25)), tlv(0xa9, tlv(0x1b, "EX.ORG")),
		tlv(0xaa, kerberosName("krbtgt", "EX.ORG"))))
	kerberosUDP = udp(88, C(kerberosASReq), S(kerberosError))
	kerberosTCP = tcp(88, C(string(binary.BigEndian.AppendUint32(nil, uint32(len(kerberosASReq))))+kerberosASReq))
)

func TestKerberos(t *testing.T) {
	wantProtocol(t, kerberosUDP, "kerberos", `"message":"as-req"`, `"realm":"EX.ORG"`, `"client":"ann"`,
		`"server":"krbtgt/EX.ORG"`)
	wantProtocol(t, kerberosTCP, "kerberos", `"realm":"EX.ORG"`)
	wantProtocol(t, udp(4000, S(kerberosError)), "kerberos", `"error_code":25`, `"server":"krbtgt/EX.ORG"`)
	wrong := []byte(kerberosASReq)
	wrong[0] = 0x6c // a tag that contradicts the message's type
	wantNot(t, udp(88, C(wrong)), "kerberos")
	wantNot(t, tcp(88, C("\x00\x00\x00\x40"+string(make([]byte, 64)))), "kerberos")
	testTruncations(t, "kerberos", kerberosUDP, 14)
	testTruncations(t, "kerberos", kerberosTCP, 18)
	wantNoAllocations(t, "kerberos", kerberosUDP)
	wantNoAllocations(t, "kerberos", kerberosTCP)
}

func FuzzKerberos(f *testing.F) { fuzzTalks(f, "kerberos", kerberosUDP, kerberosTCP) }
