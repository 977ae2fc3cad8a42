// SPDX-License-Identifier: Apache-2.0

package classify

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/weirnet/weir/internal/catalog"
	"github.com/weirnet/weir/internal/dissect"
	"github.com/weirnet/weir/internal/dissect/protocols"
	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/record"
)

const second = int64(1e9)

var (
	alice  = netip.MustParseAddr("192.0.2.1")
	bob    = netip.MustParseAddr("192.0.2.2")
	server = netip.MustParseAddr("198.51.100.1")
)

func TestHints(t *testing.T) {
	h := NewHints(0)
	at := int64(1.7e18)
	h.Learn(alice, server, []byte("old.example"), 300, at)
	h.Learn(alice, server, []byte("new.example"), 60, at+10*second)
	h.Learn(bob, server, []byte("bob.example"), 300, at)
	for _, c := range []struct {
		name   string
		client netip.Addr
		at     int64
		want   string
	}{
		{"before any answer", alice, at - 1, ""},
		{"between the two answers", alice, at + 5*second, "old.example"},
		{"the latest answer comes first", alice, at + 20*second, "new.example"},
		{"each with its own TTL", alice, at + 100*second, "old.example"},
		{"after both", alice, at + 400*second, ""},
		{"another client's answer", bob, at + 20*second, "bob.example"},
		{"a client that asked nothing", server, at + 20*second, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := string(h.Name(c.client, server, c.at)); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	h.Learn(alice, server, []byte("old.example"), 300, at+200*second)
	if got := string(h.Name(alice, server, at+450*second)); got != "old.example" {
		t.Errorf("after a fresh answer: %q", got)
	}
	if got := string(h.Name(alice, server, at+5*second)); got != "old.example" {
		t.Errorf("a repeated answer took the name from a flow that began before it: %q", got)
	}
}

func TestHintsAreBounded(t *testing.T) {
	const most = 100
	h := NewHints(most)
	for n := range 1000 {
		h.Learn(netip.AddrFrom4([4]byte{10, 0, byte(n >> 8), byte(n)}), server, []byte("www.example"), 300, int64(n))
	}
	if len(h.entries) != most || h.Evicted != 900 {
		t.Errorf("%d pairs, %d evicted", len(h.entries), h.Evicted)
	}
	if h.Name(netip.AddrFrom4([4]byte{10, 0, 3, 231}), server, 1e9) == nil {
		t.Error("the newest pair is gone")
	}
	for n := range 10 {
		h.Learn(alice, server, fmt.Appendf(nil, "n%d.example", n), 300, 2e9)
	}
	if got := string(h.Name(alice, server, 3e9)); got != "n9.example" {
		t.Errorf("of ten names, the latest is %q", got)
	}
	h.Learn(alice, netip.IPv6Unspecified(), []byte("blocked.example"), 300, 2e9) // how filters answer
	h.Learn(alice, netip.MustParseAddr("127.0.0.1"), []byte("blocked.example"), 300, 2e9)
	if h.Name(alice, netip.IPv6Unspecified(), 3e9) != nil || h.Name(alice, netip.MustParseAddr("127.0.0.1"),
		3e9) != nil {
		t.Error("an address that means nothing was learnt")
	}
}

// testCatalog overlays test applications on the built-in catalog.
func testCatalog(t *testing.T) *Classifier {
	t.Helper()
	file := filepath.Join(t.TempDir(), "apps.yaml")
	err := os.WriteFile(file, []byte(`applications:
  - id: shop
    category: shopping
    domains: [shop.example.net]
    certificates: ["shop inc."]
    networks: [198.51.100.0/24]
  - id: shop-ads
    part_of: shop
    category: advertising
    domains: [ads.shop.example.net]
  - id: cloud
    category: cloud
    kind: cloud
    networks: [203.0.113.0/24]
`), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	apps, err := catalog.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	return New(apps)
}

// result makes a Result with a dissector's methods: nothing else can fill one.
func result(t *testing.T, fill func(r *dissect.Result)) *dissect.Result {
	t.Helper()
	var r dissect.Result
	fill(&r)
	return &r
}

func TestFromResult(t *testing.T) {
	c := testCatalog(t)
	for _, test := range []struct {
		name string
		fill func(r *dissect.Result)
		want Application
	}{
		{"nothing", func(*dissect.Result) {}, Application{}},
		{"host", func(r *dissect.Result) { r.SetHost([]byte("WWW.Shop.Example.NET.")) }, Application{"shop", "shopping",
			record.ByHost}},
		{"part of another", func(r *dissect.Result) { r.SetHost([]byte("x.ads.shop.example.net")) },
			Application{"shop", "advertising", record.ByHost}},
		{"host before certificate", func(r *dissect.Result) {
			r.SetHost([]byte("www.netflix.com"))
			r.AddCertificateName([]byte("Shop Inc."))
		}, Application{"netflix", "video-streaming", record.ByHost}},
		{"certificate's organisation", func(r *dissect.Result) { r.AddCertificateName([]byte("Shop Inc.")) },
			Application{"shop", "shopping", record.ByCertificate}},
		{"certificate's host name", func(r *dissect.Result) { r.AddCertificateName([]byte("*.shop.example.net")) },
			Application{"shop", "shopping", record.ByCertificate}},
		{"the dissector's own application comes first", func(r *dissect.Result) {
			r.SetApplication("shop")
			r.SetHost([]byte("www.netflix.com"))
		}, Application{"shop", "shopping", record.ByDPI}},
		{"unknown host", func(r *dissect.Result) { r.SetHost([]byte("host.invalid")) }, Application{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := c.FromResult(result(t, test.fill)); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestGuess(t *testing.T) {
	c := testCatalog(t)
	cloud, nowhere := netip.MustParseAddr("203.0.113.5"), netip.MustParseAddr("192.0.2.77")
	for _, test := range []struct {
		name        string
		dns         string
		server      netip.Addr
		certificate dissect.Certificate
		want        Application
	}{
		{"DNS before address", "www.netflix.com", server, 0, Application{"netflix", "video-streaming", record.ByDNS}},
		{"address", "", server, 0, Application{"shop", "shopping", record.ByAddress}},
		{"a name that no one knows, then the address", "host.invalid", server, 0, Application{"shop", "shopping",
			record.ByAddress}},
		{"a cloud's block names nothing", "", cloud, 0, Application{}},
		{"nothing", "", nowhere, 0, Application{}},
		{"certificate missing", "", nowhere, dissect.CertificateMissing, Application{NoCertificate, "",
			record.ByCertificate}},
		{"certificate self-signed", "", cloud, dissect.CertificateSelfSigned, Application{NoCertificate, "",
			record.ByCertificate}},
		{"certificate hidden by TLS 1.3", "", nowhere, dissect.CertificateHidden, Application{}},
		{"certificate shown", "", nowhere, dissect.CertificateShown, Application{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := c.Guess([]byte(test.dns), test.server, test.certificate); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestPorts(t *testing.T) {
	names := dissect.NewTable(protocols.All())
	for name, ports := range servicePorts {
		if names.ID(name) == 0 {
			t.Logf("%s has ports and no dissector", name)
		}
		for _, p := range ports.tcp {
			if got := ProtocolByPort(packet.ProtoTCP, p); got != name {
				t.Errorf("TCP port %d is %q and %q", p, got, name)
			}
		}
		for _, p := range ports.udp {
			if got := ProtocolByPort(packet.ProtoUDP, p); got != name {
				t.Errorf("UDP port %d is %q and %q", p, got, name)
			}
		}
	}
	if ProtocolByPort(packet.ProtoICMP, 443) != "" || ProtocolByPort(packet.ProtoTCP, 1) != "" {
		t.Error("a port is named that has no protocol")
	}
}

// TestGuessesAreAsked: every protocol with a dissector is inspected at each port where it is guessed, so that a refusal
// rules out the guess.
func TestGuessesAreAsked(t *testing.T) {
	anything := []string{"ftp-data 20", "bfd 3785"} // any payload may appear there
	protocols := dissect.NewTable(protocols.All()).Protocols()
	for name, ports := range servicePorts {
		for over, list := range map[dissect.Transport][]uint16{dissect.TCP: ports.tcp, dissect.UDP: ports.udp} {
			for _, port := range list {
				isKnown, isAsked := false, slices.Contains(anything, fmt.Sprint(name, " ", port))
				for _, p := range protocols {
					if p.Over&over != 0 && (p.Name == Carrier(name) || slices.Contains(p.Also, name)) {
						isKnown = true
						isAsked = isAsked || slices.Contains(p.Ports, port)
					}
				}
				if isKnown && !isAsked {
					t.Errorf("%s is guessed at port %d, and not asked there", name, port)
				}
			}
		}
	}
}
