// SPDX-License-Identifier: Apache-2.0

//go:build libpcap && cgo

package main

import (
	"strings"
	"testing"

	"github.com/weirnet/weir/internal/packet"
)

func TestFilter(t *testing.T) {
	_, all, _ := weir("replay", "-o", "ndjson", capture)
	status, some, stderr := weir("replay", "-o", "ndjson", "--filter", "tcp port 80 and ip", capture)
	if status != 0 || some == "" || strings.Count(some, "\n") >= strings.Count(all, "\n") {
		t.Errorf("status %d (%s), %d of %d flows", status, stderr, strings.Count(some, "\n"), strings.Count(all, "\n"))
	}
	if strings.Contains(some, `"ip_proto":"icmpv6"`) {
		t.Error("a packet passed that the filter refuses")
	}
	if status, _, stderr := weir("replay", "--filter", "tcp prot 80", capture); status != 2 ||
		!strings.Contains(stderr, "tcp prot 80") {
		t.Errorf("a mistake in the expression: status %d, %s", status, stderr)
	}
}

// TestFilterLinkTypes: libpcap's link types differ from those of files.
func TestFilterLinkTypes(t *testing.T) {
	echo := []byte{8, 0, 0, 0, 0, 1, 0, 1} // an ICMP echo request (RFC 792)
	for _, link := range []packet.LinkType{packet.LinkRaw, packet.LinkDLTRaw, packet.LinkDLTRawOpenBSD,
		packet.LinkIPv4} {
		raw := captureFile(t, link, frameAt{0, ipv4(1, 1, echo)}, frameAt{1, ipv4(2, 17, datagram(60001))})
		status, out, stderr := weir("replay", "-o", "ndjson", "--filter", "icmp", raw)
		if status != 0 || strings.Count(out, "\n") != 1 || !strings.Contains(out, `"ip_proto":"icmp"`) {
			t.Errorf("link type %d: status %d (%s), got:\n%s", link, status, stderr, out)
		}
	}
	f, err := newFilter("ip")
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	for _, link := range []packet.LinkType{packet.LinkNull, packet.LinkPPP, packet.LinkPPPHDLC, 100, packet.LinkCHDLC,
		packet.LinkIEEE80211, 106, packet.LinkLoop, packet.LinkLinuxSLL, packet.LinkIEEE80211Radiotap, packet.LinkPPI,
		packet.LinkLinuxSLL2} {
		if _, err := f.match(link, make([]byte, 64), 64); err != nil {
			t.Errorf("link type %d: %v", link, err)
		}
	}
}
