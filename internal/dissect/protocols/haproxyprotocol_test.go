// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	stdtls "crypto/tls"
	"slices"
	"strings"
	"testing"
)

// The example of the PROXY protocol §2.1, and a header after §2.2.
var (
	haproxyText = tcp(80, C("PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\nGET / HTTP/1.1\r\nHost: "+
		"192.168.0.11\r\n\r\n"))
	haproxyBin = tcp(80, CX("0d0a0d0a000d0a515549540a 21 11 000c c0000201 c6336401 c000 0050"))
)

func TestHAProxy(t *testing.T) {
	wantProtocol(t, haproxyText, "haproxy-protocol", `"source":"192.168.0.1"`, `"destination":"192.168.0.11"`)
	wantProtocol(t, haproxyBin, "haproxy-protocol", `"source":"192.0.2.1"`)
	wantProtocol(t, tcp(80, C("PROXY UNKNOWN\r\n")), "haproxy-protocol")
	wantNot(t, tcp(80, C("PROXY ME\r\n")), "haproxy-protocol")
	wantNot(t, tcp(80, C("\r\n\r\nhello, world. hello")), "haproxy-protocol")
	for _, k := range []talk{haproxyText, haproxyBin} {
		testTruncations(t, "haproxy-protocol", k, 15)
		wantNoAllocations(t, "haproxy-protocol", k)
	}
}

// TestInsideProxies plays TLS and HTTP after a proxy connection's opening, in a separate segment and in the same one:
// the flow keeps the proxy's name and gets the inner host.
func TestInsideProxies(t *testing.T) {
	client, server := tlsConfigs(t, stdtls.VersionTLS13)
	inner := map[string][]say{
		`"sni":"www.example.com"`: tlsRecord(t, client, server).Says,
		`"host":"www.example.com"`: {C("GET / HTTP/1.1\r\nHost: www.example.com\r\n\r\n"),
			S("HTTP/1.1 200 OK\r\n\r\n")},
	}
	outer := map[string][]say{
		"haproxy-protocol":         {C("PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n")},
		"haproxy-protocol unknown": {C("PROXY UNKNOWN\r\n")},
		"haproxy-protocol with fields": {CX("0d0a0d0a000d0a515549540a 21 11 0013 c0000201 c6336401 c000 0050 04 0004 " +
			"00000000")},
		"haproxy-protocol local": {CX("0d0a0d0a000d0a515549540a 20 f7 0003 ffffff")},
		"socks 4":                {CX("04 01 0050 c6336407 6672656400"), SX("00 5a 0000 00000000")},
		"socks 4A":               {CX("04 01 01bb 00000001 00" + "612e6578616d706c6500"), SX("00 5a 0000 00000000")},
		"socks 5": {CX("05 02 00 02"), SX("05 00"), CX("05 01 00 01 c6336407 0050"),
			SX("05 00 00 01 00000000 0000")},
	}
	for name, before := range outer {
		for member, says := range inner {
			own := slices.Concat(before, says)
			together := slices.Clone(own)
			if last := len(before) - 1; before[last].FromClient {
				together = slices.Delete(together, last, last+1)
				together[last].Bytes = slices.Concat(before[last].Bytes, says[0].Bytes)
			}
			for _, says := range [][]say{own, together} {
				if h := wantProtocol(t, tcp(4000, says...), strings.Fields(name)[0],
					member); h.Host != "www.example.com" {
					t.Errorf("%s: host %q: %s", name, h.Host, h.Info)
				}
			}
		}
	}
}

func FuzzHAProxy(f *testing.F) { fuzzTalks(f, "haproxy-protocol", haproxyText, haproxyBin) }
