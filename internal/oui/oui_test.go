// SPDX-License-Identifier: Apache-2.0

package oui

import (
	"net"
	"testing"

	"github.com/weirnet/weir/gen/oui"
)

func address(t testing.TB, text string) [6]byte {
	t.Helper()
	mac, err := net.ParseMAC(text)
	if err != nil {
		t.Fatal(err)
	}
	return [6]byte(mac)
}

func TestVendor(t *testing.T) {
	for text, want := range map[string]string{
		"00:00:0c:01:02:03": "Cisco Systems, Inc",
		"00:00:00:01:02:03": "XEROX CORPORATION",
		"b8:27:eb:ff:ff:ff": "Raspberry Pi Foundation",
		"20:85:93:b1:02:03": "IOG Products LLC", // MA-M 20:85:93:b
		"02:00:00:01:02:03": "", "01:00:5e:00:00:01": "", "33:33:00:00:00:01": "", "ff:ff:ff:ff:ff:ff": "",
		"da:11:22:33:44:55": "",
	} {
		if got := Vendor(address(t, text)); got != want {
			t.Errorf("%s is %q, want %q", text, got, want)
		}
	}
	t.Logf("%d bytes", len(oui.Data))
}

// TestLongest: the longest assignment counts.
func TestLongest(t *testing.T) {
	// 70:b3:d5 belongs to the IEEE, for MA-S; each of its 4,096 parts belongs to another organisation.
	names := map[string]bool{}
	for i := range 4096 {
		names[Vendor([6]byte{0x70, 0xb3, 0xd5, byte(i >> 4), byte(i << 4), 1})] = true
	}
	if len(names) < 2000 {
		t.Errorf("%d names", len(names))
	}
}

// TestAll: Vendor handles every address without allocating.
func TestAll(t *testing.T) {
	known := 0
	for i := range 1 << 16 {
		mac := [6]byte{byte(i >> 8), byte(i), byte(i * 7), byte(i * 13), byte(i), 0xff}
		if name := Vendor(mac); name != "" {
			known++
			if len(name) > 64 {
				t.Fatalf("%x: %d bytes", mac, len(name))
			}
		}
	}
	if known == 0 {
		t.Error("none is known")
	}
	mac := [6]byte{0, 0, 0x0c, 1, 2, 3}
	if n := testing.AllocsPerRun(100, func() { Vendor(mac); IsRandom(mac) }); n > 0 {
		t.Errorf("%.0f allocations", n)
	}
}

func TestIsRandom(t *testing.T) {
	for text, want := range map[string]bool{
		"da:11:22:33:44:55": true, "02:11:22:33:44:55": true, "f6:00:00:00:00:01": true, "8e:00:00:00:00:01": true,
		"00:00:0c:01:02:03": false, "03:00:00:00:00:01": false, "02:42:ac:11:00:02": false, "52:54:00:12:34:56": false,
	} {
		if got := IsRandom(address(t, text)); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}

func BenchmarkVendor(b *testing.B) {
	mac := address(b, "b8:27:eb:01:02:03")
	for b.Loop() {
		Vendor(mac)
	}
}
