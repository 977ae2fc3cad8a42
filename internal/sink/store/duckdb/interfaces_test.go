// SPDX-License-Identifier: Apache-2.0

//go:build cgo

package duckdb

import (
	"testing"

	"github.com/weirnet/weir/internal/sink/store/storetest"
)

// TestInterfaces: an interface's row has its networks, and what is known of its traffic each way.
func TestInterfaces(t *testing.T) {
	s, g := open(t), storetest.NewGateway(1, 5, 1000)
	for range 4 {
		g.Step()
	}
	if _, err := s.Ingest(t.Context(), g.Reports); err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]int64{
		"count(*)":                      4,
		"sum(received_packets)::BIGINT": 300, // the first report is the beginning
		"sum(sent_bytes)::BIGINT":       300_000,
		"count_if(networks = '10.0.0.0/16,2001:db8::/64')": 4,
		"sum(received_ipv4_packets)::BIGINT":               270,
		"sum(received_ipv4_bytes)::BIGINT":                 270_000,
		"sum(received_ipv6_packets)::BIGINT":               27,
		"sum(received_ipv6_bytes)::BIGINT":                 24_000,
		"sum(received_not_ip)::BIGINT":                     3,
		"sum(received_tcp)::BIGINT":                        180,
		"sum(received_udp)::BIGINT":                        90,
		"sum(received_icmp)::BIGINT":                       15,
		"sum(received_other)::BIGINT":                      12,
		"sum(received_fragments)::BIGINT":                  9,
		"max(received_largest)":                            1514,
		"count(sent_ipv4_packets) + count(sent_largest)":   0, // unknown
	} {
		if got := s.number(t, "SELECT "+query+" FROM interfaces"); got != want {
			t.Errorf("%s is %d, want %d", query, got, want)
		}
	}
}
