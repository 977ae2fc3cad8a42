// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/weirnet/weir/internal/capture/pcapfile"
	"github.com/weirnet/weir/internal/packet"
)

// frameAt is a frame and its time of capture, in nanoseconds.
type frameAt struct {
	ns   int64
	data []byte
}

// captureFile writes frames to a pcap file and returns its path.
func captureFile(t *testing.T, link packet.LinkType, frames ...frameAt) string {
	t.Helper()
	var b bytes.Buffer
	w, err := pcapfile.NewWriter(&b, link, 65535)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range frames {
		if err := w.WritePacket(f.ns, f.data, len(f.data)); err != nil {
			t.Fatal(err)
		}
	}
	return file(t, "made.pcap", b.Bytes())
}

// datagram returns a UDP datagram to port 50000 (RFC 768).
func datagram(port uint16) []byte {
	return []byte{byte(port >> 8), byte(port), 0xc3, 0x50, 0, 12, 0, 0, 1, 2, 3, 4}
}

// ipv4 returns a packet from 192.0.2.HOST to 198.51.100.1 (RFC 791 §3.1).
func ipv4(host, proto byte, payload []byte) []byte {
	p := []byte{0x45, 0, 0, 0, 0, 0, 0, 0, 64, proto, 0, 0, 192, 0, 2, host, 198, 51, 100, 1}
	p = append(p, payload...)
	binary.BigEndian.PutUint16(p[2:], uint16(len(p)))
	return p
}
