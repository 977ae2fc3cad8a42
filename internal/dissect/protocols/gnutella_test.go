// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// The handshake is RFC-Gnutella 0.6's example; the datagrams are built by hand.
var (
	gnutellaHello = tcp(6346, C("GNUTELLA CONNECT/0.6\r\nUser-Agent: BearShare/1.0\r\nPong-Caching: 0.1\r\n\r\n"),
		S("GNUTELLA/0.6 200 OK\r\nUser-Agent: BearShare/1.0\r\n\r\n"))
	gnutellaGive    = tcp(4000, C("GIV 36:809BC12168A1852CFF5D7A785833F600/Foo.txt\n\n"))
	gnutellaPing    = udp(6346, CX("0102030405060708 ff 090a0b0c0d0e 00 00 01 00 00000000"))
	gnutella2Part   = udp(4000, C("GND\x10\x01\x00\x01\x01\x54\x0bQKR\x50\x06RNA\xc0\x00\x02\x0a\xca\x18"))
	gnutellaOnePart = udp(4000, CX("474e44 02 0001 01 02 aabbcc"))
)

func TestGnutella(t *testing.T) {
	wantProtocol(t, gnutellaHello, "gnutella", `"client":"BearShare/1.0"`)
	wantProtocol(t, tcp(4000, S("GNUTELLA/0.6 503 Full\r\n\r\n")), "gnutella")
	wantProtocol(t, gnutellaGive, "gnutella")
	wantProtocol(t, gnutellaPing, "gnutella")
	wantProtocol(t, gnutellaOnePart, "gnutella")
	wantProtocol(t, gnutella2Part, "gnutella")
	wantProtocol(t, udp(4000, CX("474e44 f1 0001 01 01 aabbcc"), CX("474e44 f1 0001 01 00")), "gnutella")
	wantNot(t, udp(4000, CX("474e44 f1 0001 01 01 aabbcc")), "gnutella")
	testTruncations(t, "gnutella", gnutella2Part, 13)
	wantNot(t, udp(4000, CX("474e44 04 0001 01 01 aabbcc")), "gnutella") // an unknown critical flag
	wantNot(t, tcp(4000, C("GIV 36:809BC12168A1852CFF5D7A785833F6/Foo.txt\n\n")), "gnutella")
	wantNot(t, tcp(4000, C("GNUTELLA RECONNECT\r\n\r\n")), "gnutella")
	wantNot(t, udp(6346, CX("0102030405060708 ff 090a0b0c0d0e 00 00 01 00 00000001")), "gnutella")
	wantNot(t, udp(4000, CX("474e44 02 0001 03 02 aabbcc")), "gnutella")
	for _, k := range []talk{gnutellaHello, gnutellaGive, gnutellaPing, gnutellaOnePart} {
		testTruncations(t, "gnutella", k, 8)
		wantNoAllocations(t, "gnutella", k)
	}
}

func FuzzGnutella(f *testing.F) { fuzzTalks(f, "gnutella", gnutellaHello, gnutellaGive) }

func FuzzGnutellaDatagrams(f *testing.F) {
	fuzzTalks(f, "gnutella", gnutellaPing, gnutellaOnePart, gnutella2Part)
}
