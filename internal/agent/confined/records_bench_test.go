// SPDX-License-Identifier: Apache-2.0

package confined

import (
	"net/netip"
	"testing"
	"time"

	"github.com/weirnet/weir/internal/agent"
	"github.com/weirnet/weir/internal/conntrack"
	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/record"
	"github.com/weirnet/weir/internal/topology"
)

// BenchmarkRecord measures a record's cost after the engine: sides, connection, devices and JSON.
func BenchmarkRecord(b *testing.B) {
	table := conntrack.NewTable(1024)
	var line []byte
	now := topology.NewNetwork(
		topology.Sides{Networks: []netip.Prefix{netip.MustParsePrefix("192.168.1.0/24")}}, nil, nil,
		[2][]topology.Rule{})
	e := newEnrichment(&agent.Options{TCPIdle: time.Minute, Idle: time.Minute}, table, now, func(r *record.Flow) error {
		line = r.AppendJSON(line[:0])
		return nil
	})
	client, gateway, server := netip.MustParseAddrPort("192.168.1.20:51324"), netip.MustParseAddrPort(
		"203.0.113.1:40112"), netip.MustParseAddrPort("198.51.100.7:443")
	table.Put(&conntrack.Connection{
		Original: conntrack.Tuple{Src: client, Dst: server, Proto: packet.ProtoTCP}, Reply: conntrack.Tuple{Src: server,
			Dst: gateway, Proto: packet.ProtoTCP},
		Status: conntrack.SeenReply | conntrack.SourceNAT,
	})
	seen := time.Now().UnixNano()
	b.ReportAllocs()
	for b.Loop() {
		r := record.Flow{
			Client: record.Endpoint{Addr: client, MAC: [6]byte{2, 1, 1, 1, 1, 1}, Packets: 12, Bytes: 3000},
			Server: record.Endpoint{Addr: server, Packets: 20, Bytes: 20000},
			State:  record.StateEnd, EndReason: record.EndClosed, Proto: packet.ProtoTCP,
			FirstSeen: seen, LastSeen: seen,
			Interface: "lan0",
			Protocol:  "tls", Method: record.MethodDPI, Hostname: []byte("www.example.com"),
			Info: []byte(`"tls":{"version":"TLS 1.3","cipher":"TLS_AES_128_GCM_SHA256","alpn":["h2"],` +
				`"ja4":"t13d1516h2_8daaf6152771_02713d6af862",` +
				`"ja4s":"t130200_1301_234ea6891581","server_name":"www.example.com"}`),
		}
		if err := e.chain.Flow(&r, time.Now()); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(int64(len(line)))
}
