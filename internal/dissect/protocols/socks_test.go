// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built from the SOCKS 4 and 4A texts, RFC 1928 and RFC 1929.
var (
	socks4IP   = tcp(1080, CX("04 01 0050 c6336407 667265640 0"), SX("00 5a 0000 00000000"))
	socks4Host = tcp(1080, CX("04 01 01bb 00000001 00"+"612e6578616d706c6500"), SX("00 5a 0000 00000000"),
		CX("1603010005 0100000100"))
	socks5Name = tcp(1080, CX("05 02 00 02"), SX("05 00"), CX("05 01 00 03 09 612e6578616d706c65 01bb"),
		SX("05 00 00 01 00000000 0000"))
	socks5Auth = tcp(9999, CX("05 01 02"), SX("05 02"), CX("01 04 75736572 02 7077"), SX("01 00"),
		CX("05 01 00 01 c6336407 0050"), SX("05 00 00 01 00000000 0000"))
)

func TestSOCKS(t *testing.T) {
	wantProtocol(t, socks4IP, "socks", `"version":4`, `"user":"fred"`, `"address":"198.51.100.7"`, `"port":80`)
	if h := wantProtocol(t, socks4Host, "socks", `"host":"a.example"`, `"port":443`); h.Host != "a.example" {
		t.Errorf("host %q", h.Host)
	}
	wantProtocol(t, socks5Name, "socks", `"version":5`, `"host":"a.example"`)
	if h := wantProtocol(t, socks5Auth, "socks", `"user":"user"`, `"address":"198.51.100.7"`); len(h.Risks) != 1 {
		t.Errorf("risks %v", h.Risks)
	}
	wantNot(t, tcp(1080, CX("05 01 00"), SX("05 02")), "socks")
	wantNot(t, tcp(1080, CX("05 01 00"), SX("05 00")), "socks")
	wantNot(t, tcp(1080, CX("04 01 0050 c6336407 00"), SX("48 54 54 50 2f 31 2e 31")), "socks")
	wantNot(t, tcp(1080, CX("05 02 00 41"), SX("05 00")), "socks")
	for _, k := range []talk{socks4IP, socks4Host, socks5Name, socks5Auth} {
		testTruncations(t, "socks", k, 99)
		wantNoAllocations(t, "socks", k)
	}
}

func FuzzSOCKS(f *testing.F) { fuzzTalks(f, "socks", socks4IP, socks4Host, socks5Name, socks5Auth) }
