// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"strings"
	"testing"
)

// The messages are those of BEP 5's examples, and built by hand from BEP 3, 14, 15 and 29.
var (
	bittorrentPeer = tcp(51413, C("\x13BitTorrent protocol\x00\x00\x00\x00\x00\x10\x00\x05"+"aaaabbbbccccddddeeee"+
		"-qB4650-0123456789ab"))
	bittorrentPing = udp(6881, C("d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe"),
		S("d1:rd2:id20:mnopqrstuvwxyz123456e1:t2:aa1:y1:re"))
	bittorrentGetPeers = udp(40000, C("d1:ad2:id20:abcdefghij01234567899:info_hash20:mnopqrstuvwxyz123456e1:q9:get_pe"+
		"ers1:t2:aa1:v4:LT\x01\x001:y1:qe"))
	bittorrentError = udp(40000, S("d1:eli201e23:A Generic Error Ocurrede1:t2:aa1:y1:ee"))
	bittorrentUDP   = udp(1337, CX("0000041727101980 00000000 12345678"), SX("00000000 12345678 0123456789abcdef"))
	bittorrentLSD   = udp(6771, C("BT-SEARCH * HTTP/1.1\r\nHost: 239.192.152.143:6771\r\nPort: 6881\r\nInfohash: "+
		strings.Repeat("0f", 20)+"\r\ncookie: 1\r\n\r\n\r\n"))
	utpOpened = udp(20000, CX("41 00 3039 5f5e1000 00000000 00100000 0001 0000"),
		SX("21 00 3039 5f5e2000 00001000 00100000 1234 0001"))
	utpRunning = udp(20000, CX("01 00 303a 5f5e1000 00001234 00100000 1002 2000"+strings.Repeat("ab", 40)),
		SX("21 00 3039 5f5e2000 00001000 00100000 2001 1002"), SX("01 00 3039 5f5e2000 00001000 00100000 2001 1002"+
			strings.Repeat("cd", 40)),
		CX("21 00 303a 5f5e3000 00001234 00100000 1002 2001"), SX("01 00 3039 5f5e4000 00001000 00100000 2002 1002 aa"))
)

func TestBittorrent(t *testing.T) {
	wantProtocol(t, bittorrentPeer, "bittorrent", `"info_hash":"6161616162626262`, `"client":"qB4650"`)
	wantProtocol(t, bittorrentPing, "bittorrent", `"query":"ping"`)
	wantProtocol(t, bittorrentGetPeers, "bittorrent", `"info_hash":"6d6e6f70`, `"client":"LT"`)
	wantProtocol(t, bittorrentError, "bittorrent")
	wantProtocol(t, bittorrentUDP, "bittorrent", `"message":"tracker"`)
	wantProtocol(t, bittorrentLSD, "bittorrent", `"message":"discovery"`)
	wantProtocol(t, utpOpened, "bittorrent")
	wantProtocol(t, utpRunning, "bittorrent")
	for name, k := range map[string]talk{
		"bencoded, but no message of the DHT": udp(6881, C("d3:cow3:moo4:spam4:eggse")),
		"something behind the dictionary": udp(
			6881, C("d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qeXX")),
		"a message without transaction": udp(6881, C("d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:y1:qe")),
		"an opening that acknowledges":  udp(20000, CX("41 00 3039 5f5e1000 00000000 00100000 0001 0007")),
		"connections that differ": udp(20000, CX("01 00 303a 5f5e1000 00001234 00100000 1002 2000 ab"),
			SX("21 00 5039 5f5e2000 00001000 00100000 2001 1002"),
			SX("21 00 5039 5f5e2000 00001000 00100000 2001 1002")),
		"acknowledgement of what nobody sent": udp(20000, CX("01 00 303a 5f5e1000 00001234 00100000 1002 2000 ab"),
			SX("21 00 3039 5f5e2000 00001000 00100000 2001 7002"),
			SX("21 00 3039 5f5e2000 00001000 00100000 2001 7002")),
		"search for something else": udp(
			6771, C("BT-SEARCH * HTTP/1.1\r\nHost: 239.192.152.143:6771\r\n\r\n")),
		"a deep bencoding":                     udp(6881, C("d"+strings.Repeat("l", 1000))),
		"a handshake of another protocol name": tcp(6881, C("\x13BitTorrent protocox\x00\x00\x00\x00\x00\x10\x00\x05")),
	} {
		if h := listen(t, k); h.Protocol == "bittorrent" {
			t.Errorf("%s: named bittorrent", name)
		}
	}
	for _, k := range []talk{bittorrentPing, bittorrentGetPeers, bittorrentError, bittorrentUDP, bittorrentLSD,
		utpOpened, utpRunning} {
		testTruncations(t, "bittorrent", k, 12)
	}
	testTruncations(t, "bittorrent", bittorrentPeer, 20)
	for _, k := range []talk{bittorrentPeer, bittorrentGetPeers, utpRunning} {
		wantNoAllocations(t, "bittorrent", k)
	}
}

func FuzzBittorrent(f *testing.F) { fuzzTalks(f, "bittorrent", bittorrentPeer) }

func FuzzBittorrentDatagrams(f *testing.F) {
	fuzzTalks(f, "bittorrent", bittorrentGetPeers, bittorrentError, bittorrentUDP, bittorrentLSD, utpRunning)
}
