// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// The exchanges are those of memcached's protocol.txt and of its binary protocol's examples.
var (
	memcachedGet    = tcp(11211, C("get user:1 user:2\r\n"), S("VALUE user:1 0 5\r\nhello\r\nEND\r\n"))
	memcachedBinGet = tcp(11211,
		CX("80 00 0005 00 00 0000 00000005 00000000 0000000000000000 48656c6c6f"),
		SX("81 00 0000 04 00 0000 00000009 00000000 0000000000000001 deadbeef 576f726c64"))
	memcachedUDP = udp(11211, CX("0001 0000 0001 0000"+"6765742061"+"0d0a"), SX("0001 0000 0001 0000"+"454e440d0a"))
)

func TestMemcached(t *testing.T) {
	wantProtocol(t, memcachedGet, "memcached", `"command":"get"`)
	wantProtocol(t, memcachedBinGet, "memcached", `"opcode":0`)
	wantProtocol(t, memcachedUDP, "memcached")
	for _, port := range []uint16{11211, 22122} {
		for _, talk := range [][2]string{
			{"ms foo 2\r\nhi\r\nmg foo v\r\nmn\r\nquit\r\n", "HD\r\nVA 2\r\nhi\r\nMN\r\n"},
			{"mg foo t v\r\n", "VA 2 t-1\r\nhi\r\n"},
			{"mg foo v\r\n", "EN\r\n"}, {"mn\r\n", "MN\r\n"}, {"md foo q\r\nmn\r\n", "MN\r\n"},
			{"md foo\r\n", "NF\r\n"}, {"ms foo 1 C5\r\n1\r\n", "EX\r\n"},
			{"ma n N0 v\r\n", "VA 1\r\n1\r\n"}, {"me foo\r\n", "ME foo exp=-1 la=2\r\n"},
			{"mg foo O77 k\r\n", "HD O77 kfoo\r\n"}, {"ms foo x\r\n", "CLIENT_ERROR bad data chunk\r\n"},
			{"incr n 1\r\n", "6\r\n"}, {"flush_all\r\n", "OK\r\n"}, {"gats 100 n\r\n", "END\r\n"},
		} {
			k := tcp(port, C(talk[0]), S(talk[1]))
			wantProtocol(t, k, "memcached")
			testTruncations(t, "memcached", k, 99)
			wantNoAllocations(t, "memcached", k)
		}
	}
	wantNot(t, tcp(11211, C("mg foo v\r\n"), S("HDMI\r\n")), "memcached")
	wantNot(t, tcp(11211, C("mg foo v\r\n"), S("no\r\n")), "memcached")
	wantNot(t, tcp(11211, C("incr n 1\r\n"), S("6 bottles\r\n")), "memcached")
	other := memcachedGet
	other.ServerPort = 4000
	wantProtocol(t, other, "memcached")
	wantNot(t, tcp(11211, C("get lost\r\n"), S("no\r\n")), "memcached")
	wantNot(t, tcp(11211, C("GET / HTTP/1.1\r\n\r\n"), S("HTTP/1.1 200 OK\r\n\r\n")), "memcached")
	testTruncations(t, "memcached", memcachedGet, 99)
	testTruncations(t, "memcached", memcachedBinGet, 99)
	testTruncations(t, "memcached", memcachedUDP, 99)
	wantNoAllocations(t, "memcached", memcachedGet)
}

func FuzzMemcached(f *testing.F) {
	fuzzTalks(f, "memcached", memcachedGet, memcachedBinGet, tcp(11211, C("mg foo t v\r\n"), S("VA 2 t-1\r\nhi\r\n")))
}
