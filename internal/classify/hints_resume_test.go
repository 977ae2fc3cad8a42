// SPDX-License-Identifier: Apache-2.0

package classify_test

import (
	"net/netip"
	"testing"

	"github.com/weirnet/weir/internal/classify"
)

// TestHintsResume: other Hints know the same names as those they take over, at any time.
func TestHintsResume(t *testing.T) {
	const second = int64(1e9)
	client, addr := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("198.51.100.1")
	six := netip.MustParseAddr("2001:db8::1")
	before := classify.NewHints(2)
	before.Learn(six, six, []byte("forgotten.example"), 300, 0)
	before.Learn(client, addr, []byte("a.example"), 300, second)
	before.Learn(client, addr, []byte("b.example"), 60, 100*second)
	before.Learn(six, addr, []byte("c.example"), 0, 50*second)
	after := classify.NewHints(2)
	before.Each(after.Resume)
	for at := int64(0); at < 400*second; at += second {
		for _, c := range []netip.Addr{client, six} {
			if want, got := before.Name(c, addr, at), after.Name(c, addr, at); string(got) != string(want) {
				t.Fatalf("%s at %d s: %q, want %q", c, at/second, got, want)
			}
		}
	}
	if name := after.Name(client, addr, 120*second); string(name) != "b.example" {
		t.Errorf("%q", name)
	}
}
