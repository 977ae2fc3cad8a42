// SPDX-License-Identifier: Apache-2.0

package identify

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

type pieces = []Evidence

const (
	chromeOnWindows = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) " +
		"Chrome/131.0.0.0 Safari/537.36"
	safariOnMac = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) " +
		"Version/17.4 Safari/605.1.15"
	safariOnPhone = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like " +
		"Gecko) Version/17.4 Mobile/15E148 Safari/604.1"
	chromeOnPhone = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 " +
		"Mobile Safari/537.36"
	chromeOnTablet = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 " +
		"Safari/537.36"
	fingerprintWin = "1,3,6,15,31,33,43,44,46,47,119,121,249,252"
)

// TestOne: the guess from one piece. The numbers are the table's own, so the test detects a rule that hides another
// one.
func TestOne(t *testing.T) {
	for _, c := range []struct {
		source   Source
		value    string
		os, kind string // with the confidence
	}{
		{DHCPFingerprint, fingerprintWin, "windows 85", "computer 60"},
		{DHCPFingerprint, "1,15,3,6,44,46,47,31,33,121,249,43,252", "windows 80", "computer 60"},
		{DHCPFingerprint, "1,15,3,6,44,46,47,31,33,249,43", "windows 80", "computer 60"},
		{DHCPFingerprint, "1,121,3,6,15,119,252,95,44,46", "macos 80", "computer 65"},
		{DHCPFingerprint, "1,121,3,6,15,108,114,119,252,95,44,46", "macos 65", "computer 50"},
		{DHCPFingerprint, "1,121,3,6,15,108,114,119,252", "ios 75", "phone 40"},
		{DHCPFingerprint, "1,3,6,15,26,28,51,58,59,43,114,108", "android 85", "phone 40"},
		{DHCPFingerprint, "1,3,6,15,26,28,51,58,59,43", "android 80", "phone 35"},
		{DHCPFingerprint, "1,33,3,6,15,26,28,51,58,59", "android 70", "phone 40"},
		{DHCPFingerprint, "1,121,33,3,6,12,15,26,28,42,51,54,58,59,119", "linux 60", "computer 30"},
		{DHCPFingerprint, "1,121,33,3,6,12,15,26,28,51,54,58,59,119,252", "chromeos 60", "computer 40"},
		{DHCPFingerprint, "1,28,2,3,15,6,119,12,44,47,26,121,42", "linux 70", "computer 45"},
		{DHCPFingerprint, "1,2,6,12,15,26,28,121,3,33,40,41,42,119,249,252,17", "linux 80", "computer 60"},
		{DHCPFingerprint, "1,28,2,121,3,15,6,12,119", "freebsd 60", "computer 30"},
		{DHCPFingerprint, "1,3,12,15,6,26,33,121,119,42,120", "linux 65", "computer 35"},
		{DHCPFingerprint, "1,3,6,12,15,28,42,121", "linux 55", "iot 40"},
		{DHCPFingerprint, "1,3,28,6", "", "iot 55"},
		{DHCPFingerprint, "6,3,1,15,66,67,13,44,12", "", "printer 65"},
		{DHCPFingerprint, "1,66,6,3,15,150,35", "", "voip-phone 75"},
		{DHCPFingerprint, "1,3", "", ""},
		{DHCPFingerprint, "11," + fingerprintWin, "", ""},
		{DHCPClass, "MSFT 5.0", "windows 85", "computer 60"},
		{DHCPClass, "MSFT 5.0 XBOX", "", "game-console 85"},
		{DHCPv6Class, "MSFT 5.0", "windows 85", "computer 60"},
		{DHCPClass, "android-dhcp-14", "android 90", "phone 40"},
		{DHCPClass, "dhcpcd-9.4.1:Linux-6.1.21-v8+:aarch64:BCM2835", "linux 75", ""},
		{DHCPClass, "udhcp 1.36.1", "linux 60", "iot 40"},
		{DHCPClass, "ArubaAP", "", "access-point 90"},
		{DHCPClass, "Cisco AP c2800", "", "access-point 90"},
		{DHCPClass, "Cisco Systems, Inc. IP Phone CP-7962G", "", "voip-phone 90"},
		{DHCPClass, "Hewlett-Packard JetDirect", "", "printer 90"},
		{DHCPClass, "HP LaserJet 400", "", "printer 90"},
		{DHCPClass, "Mfg=Xerox;Typ=MFP;Mod=WorkCentre 3345", "", "printer 85"},
		{DHCPClass, "PXEClient:Arch:00007:UNDI:003016", "", "computer 50"},
		{DHCPClass, "ubnt", "", "access-point 65"},
		{DHCPClass, "docsis3.0:", "", "router 80"},
		{DHCPClass, "AXIS,Network Camera,M1103", "", "camera 85"},
		{UserAgent, chromeOnWindows, "windows 80", "computer 70"},
		{UserAgent, safariOnMac, "macos 75", "computer 65"},
		{UserAgent, safariOnPhone, "ios 85", "phone 85"},
		{UserAgent, "Mozilla/5.0 (iPad; CPU OS 12_5 like Mac OS X) AppleWebKit/605.1.15", "ipados 85", "tablet 85"},
		{UserAgent, chromeOnPhone, "android 80", "phone 75"},
		{UserAgent, chromeOnTablet, "android 80", "tablet 50"},
		{UserAgent, chromeOnTablet[:90], "android 80", ""}, // cut, so perhaps a phone's
		{UserAgent, "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36", "chromeos 90", "computer 80"},
		{UserAgent, "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "linux 75",
			"computer 65"},
		{UserAgent, "Mozilla/5.0 (PlayStation; PlayStation 5/6.50) AppleWebKit/605.1.15", "", "game-console 90"},
		{UserAgent, "Mozilla/5.0 (Windows NT 10.0; Win64; x64; Xbox; Xbox One) AppleWebKit/537.36", "",
			"game-console 85"},
		{UserAgent, "Mozilla/5.0 (Nintendo Switch; WifiWebAuthApplet) AppleWebKit/609.4", "", "game-console 90"},
		{UserAgent, "Mozilla/5.0 (SMART-TV; Linux; Tizen 6.0) AppleWebKit/537.36", "tizen 85", "tv 85"},
		{UserAgent, "Mozilla/5.0 (Web0S; Linux/SmartTV) AppleWebKit/537.36", "webos 85", "tv 85"},
		{UserAgent, "Mozilla/5.0 (Linux; Android 10; BRAVIA 4K UR2) AppleWebKit/537.36", "android 80", "tv 85"},
		{UserAgent, "AppleTV11,1/17.4", "tvos 85", "media-player 85"},
		{UserAgent, "Roku/DVP-12.5 (12.5.0.4178-88)", "roku 85", "media-player 85"},
		{UserAgent, "Mozilla/5.0 (X11; Linux armv7l) AppleWebKit/537.36 Chrome/90.0 Safari/537.36 CrKey/1.54",
			"linux 40", "media-player 85"},
		{UserAgent, "com.apple.trustd/2.2 CFNetwork/1404.0.5 Darwin/22.3.0 (x86_64)", "macos 70", "computer 60"},
		{UserAgent, "Debian APT-HTTP/1.3 (2.6.1)", "linux 85", "computer 50"},
		{UserAgent, "curl/8.5.0", "", ""},
		{UserAgent, "python-requests/2.31.0", "", ""},
		{UserAgent, "Go-http-client/2.0", "", ""},
		{MDNSService, "_ipp._tcp.local", "", "printer 60"},
		{MDNSService, "Brother\\032HL-L2350DW._pdl-datastream._tcp.local.", "", "printer 75"},
		{MDNSService, "_universal._sub._ipps._tcp.local", "", "printer 60"},
		{MDNSService, "My _hue._tcp lamp._googlecast._tcp.local", "", "media-player 65"},
		{MDNSService, "_AndroidTVRemote2._TCP.local", "android 80", "tv 75"},
		{MDNSService, "_apple-mobdev2._tcp.local", "ios 75", "phone 45"},
		{MDNSService, "_sonos._tcp", "linux 50", "speaker 90"},
		{MDNSService, "_matterc._udp.local", "", "iot 75"},
		{MDNSService, "_axis-video._tcp.local", "linux 55", "camera 90"},
		{MDNSService, "_companion-link._tcp.local", "", ""},
		{MDNSService, "_hue._tcpx.local", "", ""},
		{MDNSService, "_hue._udp.local", "", ""},
		{MDNSService, "_tcp", "", ""},
		{MDNSService, "._tcp.local", "", ""},
		{SSDP, "urn:schemas-upnp-org:device:InternetGatewayDevice:1", "", "router 75"},
		{SSDP, "urn:schemas-upnp-org:device:MediaRenderer:1", "", "media-player 50"},
		{SSDP, "urn:dial-multiscreen-org:service:dial:1", "", "media-player 55"},
		{SSDP, "roku:ecp", "roku 80", "media-player 85"},
		{SSDP, "upnp:rootdevice", "", ""},
		{SSDP, "Linux UPnP/1.0 Sonos/70.3-35220 (ZPS1)", "linux 50", "speaker 90"},
		{SSDP, "Microsoft-Windows/10.0 UPnP/1.0 UPnP-Device-Host/1.0", "windows 80", "computer 65"},
		{SSDP, "Debian/6.1 UPnP/1.1 MiniUPnPd/2.3.1", "linux 55", "router 75"},
		{SSDP, "OpenWRT/OpenWrt UPnP/1.1 MiniUPnPd/2.3.0", "openwrt 80", "router 80"},
		{SSDP, "Linux/3.14.0 UPnP/1.0 IpBridge/1.41.0", "linux 50", "iot 80"},
		{HostName, "DESKTOP-1A2B3C4", "windows 75", "computer 70"},
		{HostName, "DESKTOP-of-Anna", "windows 40", "computer 50"},
		{HostName, "LAPTOP-1A2B3C4D", "windows 75", "computer 70"},
		{HostName, "Annas-iPhone", "ios 70", "phone 75"},
		{HostName, "MacBook-Pro-von-Anna", "macos 75", "computer 75"},
		{HostName, "android-0123456789abcdef", "android 85", "phone 50"},
		{HostName, "Galaxy-S23", "android 70", "phone 65"},
		{HostName, "raspberrypi", "linux 75", "computer 45"},
		{HostName, "BRW0123456789AB", "", "printer 90"},
		{HostName, "BRWhatever", "", ""},
		{HostName, "HP3C52A1", "", "printer 70"},
		{HostName, "hpserver", "", ""},
		{HostName, "ESP_1A2B3C", "", "iot 85"},
		{HostName, "PS5-123", "", "game-console 80"},
		{HostName, "nas", "", "nas 60"},
		{HostName, "nasa", "", "nas 55"}, // one more letter counts as a number
		{HostName, "nasim", "", ""},
		{Vendor, "Espressif Inc.", "", "iot 70"},
		{Vendor, "Hangzhou Hikvision Digital Technology Co.,Ltd.", "linux 35", "camera 70"},
		{Vendor, "Raspberry Pi Trading Ltd", "linux 65", "computer 35"},
		{Vendor, "VMware, Inc.", "", "vm 75"},
		{Vendor, "SonoSite, Inc.", "", ""},
		{Vendor, "Apple, Inc.", "", ""},
		{OpenService, "tcp/9100", "", "printer 50"},
		{OpenService, "tcp/910", "", ""},
		{OpenService, "tcp/22", "", ""}, // 25 is too little
		{OpenService, "tcp/62078", "ios 65", "phone 45"},
		{JA4, "t13d1516h2_8daaf6152771_02713d6af862", "", ""},
		{Source(200), "windows nt", "", ""},
		{HostName, "", "", ""},
		{HostName, " \t", "", ""},
	} {
		os, kind := Identify(pieces{{c.source, c.value}})
		if short(os) != c.os || short(kind) != c.kind {
			t.Errorf("%s %q: %q, %q; want %q, %q", c.source, c.value, short(os), short(kind), c.os, c.kind)
		}
	}
}

// short formats a guess as in these tests' tables.
func short(g Guess) string {
	if g.Value == "" {
		return ""
	}
	return fmt.Sprint(g.Value, " ", g.Confidence)
}

// TestSeveral: several pieces combined, for the system or for the kind.
func TestSeveral(t *testing.T) {
	for name, c := range map[string]struct {
		evidence pieces
		os, kind string
	}{
		"none": {},
		"two sources are surer than each": { // 1-(1-0.6)(1-0.45)
			pieces{{DHCPClass, "udhcp 1.36"}, {DHCPFingerprint, "1,121,33,3,6,7"}}, "linux 78", "iot 40",
		},
		"no more than 95": {
			pieces{{DHCPClass, "MSFT 5.0"}, {DHCPFingerprint, fingerprintWin}, {UserAgent, chromeOnWindows},
				{HostName, "DESKTOP-1A2B3C4"}}, "windows 95", "computer 95",
		},
		"the same twice counts once": {pieces{{HostName, "raspberrypi"}, {HostName, "raspberrypi"}}, "linux 75",
			"computer 45"},
		"of one source the second counts half": { // 1-(1-0.75)(1-0.6/2)
			pieces{{MDNSService, "_pdl-datastream._tcp"}, {MDNSService, "_ipp._tcp"}}, "", "printer 83",
		},
		"both DHCPs are one source": { // 1-(1-0.85)(1-0.85/2)
			pieces{{DHCPClass, "MSFT 5.0"}, {DHCPv6Class, "MSFT 5.0"}}, "windows 91", "computer 72",
		},
		"contradiction lowers": { // 0.85·(1-0.75/2); of the kind there is none
			pieces{{DHCPClass, "MSFT 5.0"}, {UserAgent, "Mozilla/5.0 (X11; Linux x86_64)"}}, "windows 53",
			"computer 86",
		},
		"only the strongest rival counts": { // 0.85·(1-0.75/2)
			pieces{{DHCPClass, "MSFT 5.0"}, {HostName, "raspberrypi"}, {UserAgent, safariOnMac}}, "windows 53",
			"computer 92",
		},
		"too much contradiction is silence": { // 0.35·(1-0.35/2) is below 0.3
			pieces{{Vendor, "Cisco Systems, Inc"}, {OpenService, "tcp/631"}}, "", "",
		},
		"the special is no contradiction of the general": {
			pieces{{DHCPClass, "udhcp 1.36"}, {HostName, "OpenWrt"}}, "openwrt 70", "router 60",
		},
		"the special goes before a general one that is surer": {
			pieces{{DHCPClass, "dhcpcd-9.4.1:Linux-6.1"}, {OpenService, "tcp/6466"}}, "android 45", "tv 45",
		},
		"but not where it is much weaker": {
			pieces{{DHCPClass, "dhcpcd-9.4.1:Linux-6.1"}, {OpenService, "tcp/5555"}}, "linux 75", "",
		},
		"special over two generations": {
			pieces{{MDNSService, "_workstation._tcp"}, {Vendor, "Synology Incorporated"}}, "linux 84", "nas 75",
		},
		"a Windows machine that is virtual": {
			pieces{{DHCPClass, "MSFT 5.0"}, {Vendor, "VMware, Inc."}}, "windows 85", "vm 75",
		},
		"a printer": {
			pieces{{Vendor, "Seiko Epson Corporation"}, {HostName, "EPSON1A2B3C"}, {MDNSService, "_ipp._tcp"},
				{MDNSService, "_scanner._tcp"}, {OpenService, "tcp/9100"}}, "", "printer 95",
		},
		"an iPad that browses as a Mac": {
			pieces{{UserAgent, safariOnMac}, {DHCPFingerprint, "1,121,3,6,15,108,114,119,252"},
				{HostName, "Annas-iPad"}}, "ipados 44", "tablet 51",
		},
		"a television of Android": {
			pieces{{DHCPClass, "android-dhcp-12"}, {MDNSService, "_androidtvremote2._tcp.local"},
				{MDNSService, "_googlecast._tcp.local"}}, "android 95", "tv 60",
		},
		"a phone that an app makes look like Windows": {
			pieces{{DHCPClass, "android-dhcp-14"}, {UserAgent, chromeOnPhone}, {UserAgent, chromeOnWindows},
				{HostName, "Pixel-8"}}, "android 57", "phone 62",
		},
	} {
		os, kind := Identify(c.evidence)
		if short(os) != c.os || short(kind) != c.kind {
			t.Errorf("%s: %q, %q; want %q, %q", name, short(os), short(kind), c.os, c.kind)
		}
	}
}

// TestShown: a guess lists the evidence for it, the strongest first, four pieces at most, and nothing else.
func TestShown(t *testing.T) {
	all := pieces{
		{MDNSService, "_hap._tcp.local"}, {OpenService, "tcp/515"}, {MDNSService, "_ipp._tcp.local"},
		{OpenService, "tcp/9100"},
		{Vendor, "Brother Industries, LTD."}, {HostName, "BRW0123456789AB"},
	}
	_, kind := Identify(all)
	if want := (pieces{all[5], all[4], all[2], all[3]}); !reflect.DeepEqual(kind.Evidence, want) {
		t.Errorf("%v, want %v", kind.Evidence, want)
	}
	slices.Reverse(all)
	if _, reversed := Identify(all); !reflect.DeepEqual(reversed, kind) {
		t.Errorf("in another order: %v, %v", reversed, kind)
	}
}

// TestTie: the name decides between equals, whatever their order.
func TestTie(t *testing.T) {
	a, b := Evidence{HostName, "ps5-1"}, Evidence{HostName, "sonos-1"}
	_, one := Identify(pieces{a, b})
	_, other := Identify(pieces{b, a})
	if short(one) != "game-console 48" || !reflect.DeepEqual(one, other) {
		t.Errorf("%v, %v", one, other)
	}
}

// TestBounds: the number of pieces and the length of texts.
func TestBounds(t *testing.T) {
	many := make(pieces, maxEvidence, maxEvidence+1)
	for i := range many {
		many[i] = Evidence{JA4, fmt.Sprint(i)}
	}
	if os, _ := Identify(append(many, Evidence{DHCPClass, "MSFT 5.0"})); os.Value != "" {
		t.Errorf("past the last: %v", os)
	}
	long := chromeOnWindows + strings.Repeat("x", 1<<16) + "iPhone"
	os, _ := Identify(pieces{{UserAgent, long}})
	if short(os) != "windows 80" || os.Evidence[0].Value != long[:maxValue] {
		t.Errorf("%+v", os)
	}
	for i := range many {
		many[i] = Evidence{HostName, fmt.Sprint("ubuntu", i)}
	}
	if os, _ := Identify(many); os.Confidence > 95 || len(os.Evidence) != maxShown {
		t.Errorf("%+v", os)
	}
}

func TestSourceNames(t *testing.T) {
	for s, want := range map[Source]string{DHCPFingerprint: "dhcp-fingerprint", DHCPv6Class: "dhcpv6-class",
		OpenService: "service", sources: "unknown", 255: "unknown"} {
		if s.String() != want {
			t.Errorf("%d: %s, want %s", s, s, want)
		}
	}
}

// check asserts the invariants for any evidence.
func check(t *testing.T, evidence pieces) {
	t.Helper()
	os, kind := Identify(evidence)
	for _, g := range []struct {
		Guess
		known map[string]string
	}{{os, systems}, {kind, kinds}} {
		if _, ok := g.known[g.Value]; g.Value != "" && !ok {
			t.Fatalf("%q is none of the values: %+v", evidence, g.Guess)
		}
		if g.Value == "" && (g.Confidence != 0 || g.Evidence != nil) || g.Value != "" &&
			(g.Confidence < 30 || g.Confidence > 95) {
			t.Fatalf("%q: %+v", evidence, g.Guess)
		}
		if len(g.Evidence) > maxShown || g.Value != "" && len(g.Evidence) == 0 {
			t.Fatalf("%q: %d pieces", evidence, len(g.Evidence))
		}
		for _, e := range g.Evidence {
			if !slices.ContainsFunc(evidence, func(given Evidence) bool {
				return given.Source == e.Source && given.Value[:min(len(given.Value), maxValue)] == e.Value
			}) {
				t.Fatalf("%q: %v is not of it", evidence, e)
			}
		}
	}
}

func FuzzIdentify(f *testing.F) {
	f.Add(uint8(DHCPClass), "MSFT 5.0", uint8(UserAgent), safariOnPhone, uint8(HostName), "DESKTOP-1A2B3C4")
	f.Add(uint8(DHCPFingerprint), fingerprintWin, uint8(SSDP), "Linux UPnP/1.0 Sonos/70.3-35220 (ZPS1)", uint8(Vendor),
		"Sonos, Inc.")
	f.Add(uint8(MDNSService), "x._ipp._tcp.local", uint8(MDNSService), "_tcp._tcp..", uint8(OpenService), "tcp/9100")
	f.Add(uint8(DHCPv6Class), "\xff\x00\u212a", uint8(250), "", uint8(HostName), "brw*#@")
	f.Fuzz(func(t *testing.T, s1 uint8, v1 string, s2 uint8, v2 string, s3 uint8, v3 string) {
		evidence := pieces{{Source(s1), v1}, {Source(s2), v2}, {Source(s3), v3}}
		check(t, evidence)
		check(t, pieces{{Source(s1), v1 + v2 + v3}})
		os, kind := Identify(evidence)
		slices.Reverse(evidence)
		if os2, kind2 := Identify(evidence); !reflect.DeepEqual(os, os2) || !reflect.DeepEqual(kind, kind2) {
			t.Fatalf("the order matters: %v %v, %v %v", os, kind, os2, kind2)
		}
	})
}

func BenchmarkIdentify(b *testing.B) {
	all := pieces{
		{DHCPClass, "MSFT 5.0"}, {DHCPFingerprint, fingerprintWin}, {UserAgent, chromeOnWindows},
		{HostName, "DESKTOP-1A2B3C4"}, {Vendor, "Dell Inc."},
		{OpenService, "tcp/445"}, {SSDP, "Microsoft-Windows/10.0 UPnP/1.0 UPnP-Device-Host/1.0"},
		{MDNSService, "_smb._tcp.local"},
	}
	b.ReportAllocs()
	for b.Loop() {
		Identify(all)
	}
}
