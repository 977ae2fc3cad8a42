// SPDX-License-Identifier: Apache-2.0

package identify

import (
	"fmt"
	"strings"
	"testing"
)

func TestIdentify(t *testing.T) {
	type all = []Evidence
	for i, x := range []struct {
		evidence     all
		system, kind string
		least, most  int // percent, of the system, or where there is none of the kind
	}{
		{all{{DHCPClass, "MSFT 5.0"}}, "windows", "computer", 80, 90},
		{all{{DHCPClass, "MSFT 5.0"}, {HostName, "DESKTOP-1A2B3C"}, {UserAgent, "Mozilla/5.0 (Windows NT 10.0; Win64; x64)"}}, "windows", "computer", 95, 95},
		{all{{DHCPFingerprint, "1,3,6,15,31,33,43,44,46,47,119,121,249,252"}}, "windows", "computer", 80, 90},
		{all{{DHCPFingerprint, "1,3,6,15,31,33,43,44,46,47,119,121,249,252,7"}}, "", "", 0, 0},
		{all{{DHCPClass, "android-dhcp-14"}}, "android", "", 85, 95},
		{all{{DHCPClass, "android-dhcp-14"}, {HostName, "Galaxy-S23"}}, "android", "phone", 90, 95},
		{all{{UserAgent, "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X)"}}, "ios", "phone", 80, 90},
		{all{{UserAgent, "Mozilla/5.0 (iPad; CPU OS 16_0 like Mac OS X)"}}, "ipados", "tablet", 80, 90},
		{all{{UserAgent, "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)"}}, "macos", "computer", 70, 80},
		{all{{UserAgent, "Mozilla/5.0 (X11; Linux x86_64)"}}, "linux", "computer", 60, 70},
		{all{{UserAgent, "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0)"}}, "chromeos", "computer", 80, 90},
		{all{{UserAgent, "Mozilla/5.0 (Linux; Android 13; SM-S911B) Mobile Safari/537.36"}}, "android", "phone", 75, 85},
		{all{{UserAgent, "curl/8.5.0"}}, "", "", 0, 0},
		{all{{MDNSService, "_ipp._tcp.local"}}, "", "printer", 75, 85},
		{all{{MDNSService, "Office._ipp._tcp.local"}, {Vendor, "Brother industries, LTD."}, {OpenService, "tcp/9100"}}, "", "printer", 90, 95},
		{all{{MDNSService, "_ippx._tcp.local"}}, "", "", 0, 0},
		{all{{MDNSService, "_googlecast._tcp.local"}}, "", "media-player", 70, 80},
		{all{{SSDP, "Linux UPnP/1.0 Sonos/77.3"}}, "linux", "speaker", 30, 30},
		{all{{SSDP, "urn:schemas-upnp-org:device:InternetGatewayDevice:1"}}, "", "router", 70, 80},
		{all{{Vendor, "Espressif Inc."}, {HostName, "shelly1-AABBCC"}}, "", "iot", 80, 90},
		{all{{Vendor, "Apple, Inc."}}, "", "", 0, 0},
		{all{{Vendor, "Nintendo Co.,Ltd"}}, "", "game-console", 75, 85},
		{all{{OpenService, "tcp/9100"}}, "", "printer", 55, 65},
		{all{{OpenService, "tcp/91000"}}, "", "", 0, 0},
		{all{{JA4, "t13d1516h2_8daaf6152771_b0da82dd1658"}}, "", "", 0, 0},
		{all{{DHCPClass, "udhcp 1.36.1"}}, "linux", "iot", 30, 40},
		{all{{HostName, "raspberrypi"}, {Vendor, "Raspberry Pi Trading Ltd"}}, "linux", "computer", 70, 80},
		{nil, "", "", 0, 0},
		{all{{Source(200), "x"}}, "", "", 0, 0},
	} {
		system, kind := Identify(x.evidence)
		g := system
		if x.system == "" {
			g = kind
		}
		if system.Value != x.system || kind.Value != x.kind || g.Confidence < x.least || g.Confidence > x.most {
			t.Errorf("%d %v: %+v, %+v; want %s, %s", i, x.evidence, system, kind, x.system, x.kind)
		}
	}
}

// TestContradiction: what speaks for something else makes a guess less sure, and may silence it.
func TestContradiction(t *testing.T) {
	alone, _ := Identify([]Evidence{{DHCPClass, "MSFT 5.0"}})
	both, _ := Identify([]Evidence{{DHCPClass, "MSFT 5.0"}, {UserAgent, "Mozilla/5.0 (X11; Linux x86_64)"}})
	if both.Value != "windows" || both.Confidence >= alone.Confidence {
		t.Errorf("%+v, alone %+v", both, alone)
	}
	if len(both.Evidence) != 1 || both.Evidence[0].Value != "MSFT 5.0" {
		t.Errorf("%+v", both.Evidence)
	}
}

// TestRules: each rule's text fits itself, and is reached: none before it hides it.
func TestRules(t *testing.T) {
	for source, list := range rules {
		seen := map[string]bool{}
		for _, r := range list {
			if r.text != strings.ToLower(r.text) || seen[r.text] || r.weight < 0 || r.weight > most {
				t.Errorf("%v: %+v", source, r)
			}
			seen[r.text] = true
			if !fits(source, r.text, r.text) {
				t.Errorf("%v: %q doesn't fit itself", source, r.text)
			}
			for n := range len(r.text) { // cut values are no more than doubtful
				system, kind := Identify([]Evidence{{source, r.text[:n]}})
				if system.Confidence > most || kind.Confidence > most {
					t.Errorf("%v %q: %+v, %+v", source, r.text[:n], system, kind)
				}
			}
		}
	}
}

// TestMany: however much there is, the answer is bounded and always the same.
func TestMany(t *testing.T) {
	var all []Evidence
	for i := range 1000 {
		all = append(all, Evidence{Source(i % 10), fmt.Sprintf("windows nt %d %s", i, strings.Repeat("x", 1000))})
	}
	system, kind := Identify(all)
	for range 20 {
		s, k := Identify(all)
		if fmt.Sprint(s, k) != fmt.Sprint(system, kind) || len(s.Evidence) > maxTold || s.Confidence > most {
			t.Fatalf("%+v, %+v", s, k)
		}
	}
}

func FuzzIdentify(f *testing.F) {
	f.Add(uint8(0), "1,3,6", uint8(3), "iPhone")
	f.Add(uint8(4), "a._ipp._tcp.local", uint8(8), "Canon")
	f.Fuzz(func(t *testing.T, a uint8, x string, b uint8, y string) {
		system, kind := Identify([]Evidence{{Source(a), x}, {Source(b), y}})
		for _, g := range []Guess{system, kind} {
			if g.Confidence < 0 || g.Confidence > most || (g.Value == "") != (g.Confidence == 0) {
				t.Fatalf("%+v", g)
			}
		}
	})
}
