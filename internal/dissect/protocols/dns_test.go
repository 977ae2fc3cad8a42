// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"
	"strings"
	"testing"

	"github.com/weirnet/weir/internal/dissect"
)

// The messages are built by hand after RFC 1035 §4, RFC 6762 §18 and RFC 9460 §2.
const (
	dnsName    = "03777777 076578616d706c65 03636f6d 00 " // www.example.com at offset 12
	dnsQueryA  = "1234 0100 0001 0000 0000 0001 " + dnsName + "0001 0001" + "00 0029 04d0 00000000 0000"
	dnsAnswerA = "1234 8180 0001 0002 0000 0000 " + dnsName + "0001 0001" +
		"c00c 0005 0001 0000012c 0006 0363646e c010" + "c02d 0001 0001 0000003c 0004 c0000201"
	dnsHTTPS = "1234 8180 0001 0001 0000 0000 " + dnsName + "0041 0001" +
		"c00c 0041 0001 0000012c 001a 0001 00 0001 0003 026832 0004 0004 c0000202 0005 0004 01020304"
	dnsMulti = "0000 0000 0002 0001 0000 0000 055f68747470 045f746370 056c6f63616c 00 000c 0001" + "c012 000c 8001" +
		"c00c 000c 0001 00001194 0006 03616263 c00c"
	dnsMultiAns = "0000 8400 0000 0001 0000 0000 04686f7374 056c6f63616c 00 0001 8001 00000078 0004 c0000203"
)

var (
	dnsTalk      = udp(53, CX(dnsQueryA), SX(dnsAnswerA))
	dnsHTTPSTalk = udp(53, CX("1234 0100 0001 0000 0000 0000 "+dnsName+"0041 0001"), SX(dnsHTTPS))
	mdnsTalk     = talk{Over: dissect.UDP, ClientPort: 5353, ServerPort: 5353,
		Says: []say{CX(dnsMulti), CX(dnsMultiAns)}}
	dnsTCPTalk = tcp(53, CX("002c"+dnsQueryA), SX("0047"+dnsAnswerA))
)

func TestDNS(t *testing.T) {
	h := wantProtocol(t, dnsTalk, "dns", `"query":"www.example.com"`, `"type":"A"`, `"rcode":"NOERROR"`,
		`"answers":["cdn.example.com","192.0.2.1"]`, `"answer_ttl":60`, `"edns_size":1232`)
	if h.Host != "www.example.com" || h.Outcome != dissect.Named {
		t.Errorf("host %q, outcome %d", h.Host, h.Outcome)
	}
	wantHint(t, h, "www.example.com", "192.0.2.1")
	h = wantProtocol(t, dnsHTTPSTalk, "dns", `"type":"HTTPS"`, `"ech":true`)
	wantHint(t, h, "www.example.com", "192.0.2.2")
	h = wantProtocol(t, dnsTCPTalk, "dns", `"answers":["cdn.example.com","192.0.2.1"]`)
	wantHint(t, h, "www.example.com", "192.0.2.1")
	h = wantProtocol(t, mdnsTalk, "mdns", `"query":"_http._tcp.local"`, `"type":"PTR"`,
		`"services":["_http._tcp.local"]`, `"answers":["192.0.2.3"]`)
	wantHint(t, h, "host.local", "192.0.2.3")
	if strings.Contains(h.Info, "host_name") {
		t.Errorf("another one's address: %s", h.Info)
	}
	own := mdnsTalk
	own.Says = []say{CX(dnsMultiAns[:len(dnsMultiAns)-2] + "01")}
	wantProtocol(t, own, "mdns", `"host_name":"host.local"`)
	wantProtocol(t, udp(53, SX(dnsAnswerA)), "dns", `"answers":["cdn.example.com","192.0.2.1"]`)
	wantProtocol(t, udp(53, CX("1234 2800 0001 0000 0001 0000 "+dnsName+"0006 0001 c00c 00ff 00ff 00000000 0000")),
		"dns", `"operation":"update"`)
	for _, k := range []talk{dnsTalk, dnsTCPTalk, dnsHTTPSTalk} {
		testTruncations(t, "dns", k, 30)
		wantNoAllocations(t, "dns", k)
		k.ServerPort = 4000
		wantProtocol(t, k, "dns")
	}
	testTruncations(t, "dns", mdnsTalk, 30)
	wantNoAllocations(t, "dns", mdnsTalk)
}

// TestDNSManyQuestions: each answer on one port is a hint; the metadata stays the first question's.
func TestDNSManyQuestions(t *testing.T) {
	k := dnsTalk
	for i := range 10 {
		query, answer := unhex(dnsQueryA), unhex(dnsAnswerA)
		query[1], answer[1] = byte(i), byte(i)
		query[13], answer[13] = 'x', 'x'
		k.Says = append(k.Says, C(query), S(answer))
	}
	h := wantProtocol(t, k, "dns", `"query":"www.example.com"`)
	wantHint(t, h, "xww.example.com", "192.0.2.1")
	if h.Messages != len(k.Says) {
		t.Errorf("inspected %d of %d messages", h.Messages, len(k.Says))
	}
}

func TestNotDNS(t *testing.T) {
	wantNot(t, udp(4000, C(make([]byte, 64))), "dns")
	wantNot(t, udp(4000, C(bytes.Repeat([]byte{0xff}, 64))), "dns")
	wantNot(t, udp(4000, CX(dnsQueryA+"00")), "dns")                                       // a byte too many
	wantNot(t, udp(4000, CX("1234 0140 0001 0000 0000 0000 "+dnsName+"0001 0001")), "dns") // reserved flag
	wantNot(t, udp(4000, CX("1234 0100 0001 0000 0000 0000 "+dnsName+"0001 0007")), "dns") // no such class
	// Label past the end
	wantNot(t, udp(53, CX("1234 0100 0001 0000 0000 0000 0361c00c 0001 0001")), "dns")
	wantNot(t, udp(53, CX("1234 0100 0001 0000 0000 0000 c00c 0001 0001 0000000000000000")), "dns")  // a loop
	wantNot(t, udp(53, CX("1234 7900 0001 0000 0000 0000 "+dnsName+"0001 0001 0000000000")), "dns")  // no such opcode
	wantNot(t, tcp(4000, CX("0005 1234 0100 0001 0000 0000 0000 00 0001 0001 000000000000")), "dns") // length
}

func wantHint(t *testing.T, h heard, host, addr string) {
	t.Helper()
	for _, hint := range h.Hints {
		if string(hint.Host) == host && hint.Addr.String() == addr {
			return
		}
	}
	t.Errorf("no hint %s for %s in %v", addr, host, h.Hints)
}

func FuzzDNS(f *testing.F) { fuzzTalks(f, "dns", dnsTalk, dnsHTTPSTalk, mdnsTalk) }
