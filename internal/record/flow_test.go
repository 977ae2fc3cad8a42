// SPDX-License-Identifier: Apache-2.0

package record

import (
	"bytes"
	"encoding/csv"
	"net/netip"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/weirnet/weir/internal/packet"
)

// translated is a record with everything that a gateway adds.
func translated() Flow {
	f := Flow{
		CommunityID: []byte("1:biEiYRScd9sQys6XYVynp1f6Jfs="), State: StateEnd, EndReason: EndClosed, Interface: "lan0",
		IPVersion: 4, Proto: 6,
		Client: Endpoint{Addr: netip.MustParseAddrPort("192.168.1.20:51324"), Packets: 12, Bytes: 1840,
			Side: SideLAN},
		Server:    Endpoint{Addr: netip.MustParseAddrPort("203.0.113.7:443"), Packets: 18, Bytes: 22011, Side: SideWAN},
		Direction: DirectionOutbound,
		NAT: NAT{Kind: SNAT, Client: netip.MustParseAddrPort("198.51.100.1:40112"),
			Server: netip.MustParseAddrPort("203.0.113.7:443")},
		Conntrack:  Conntrack{ID: 9, Mark: 7, Zone: 5, IsTracked: true, IsOffloaded: true},
		RoundTrips: [2]uint32{120, 18_000},
	}
	f.Client.Health = packet.Health{Retransmits: 70_000, OutOfOrder: 2, ZeroWindows: 4, Resets: 1,
		Flags: packet.FIN | packet.SYN | packet.PSH | packet.ACK, TTL: 64, DSCP: 46}
	f.Server.Health = packet.Health{Flags: packet.SYN | packet.ACK, TTL: 51}
	f.Process = &Process{PID: 42, UID: 1000, Name: "curl", Executable: "/usr/bin/curl"}
	copy(f.ID[:], strings.Repeat("0", len(f.ID)))
	return f
}

func TestTranslated(t *testing.T) {
	f := translated()
	text := string(f.AppendJSON(nil))
	for _, want := range []string{
		`"client":{"ip":"192.168.1.20","port":51324,"side":"lan","packets":12,"bytes":1840,` +
			`"tcp_flags":"FSPA","retransmits":70000,"out_of_order":2,"resets":1,"zero_windows":4,"ttl":64,"dscp":46}`,
		`"bytes":22011,"tcp_flags":"SA","ttl":51},"direction":"outbound",` +
			`"process":{"pid":42,"name":"curl","executable":"/usr/bin/curl","uid":1000}`,
		`"tcp":{"rtt_us":18120,"client_rtt_us":120,"server_rtt_us":18000}`,
		`"nat":{"kind":"snat","client_ip":"198.51.100.1","client_port":40112,` +
			`"server_ip":"203.0.113.7","server_port":443}`,
		`"conntrack":{"id":9,"mark":7,"zone":5},"offloaded":true`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	validate(t, text)
	f.Conntrack = Conntrack{ID: 9, IsTracked: true}
	// NAT of ICMP
	f.NAT = NAT{Kind: DNAT, Client: netip.MustParseAddrPort("203.0.113.7:0"), Server: netip.MustParseAddrPort(
		"198.51.100.1:0")}
	validate(t, string(f.AppendJSON(nil)))
	rows, err := csv.NewReader(strings.NewReader(CSVHeader + "\n" + string(f.AppendCSV(nil)))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for i, column := range rows[0] {
		want := map[string]string{"direction": "outbound", "client_side": "lan", "server_side": "wan", "nat": "dnat",
			"nat_server_ip": "198.51.100.1", "nat_server_port": "0", "client_tcp_flags": "FSPA",
			"client_retransmits": "70000", "client_out_of_order": "2", "client_resets": "1", "client_zero_windows": "4",
			"client_ttl": "64", "client_dscp": "46", "server_tcp_flags": "SA", "server_retransmits": "0",
			"server_ttl": "51", "server_dscp": "0", "rtt_us": "18120", "client_rtt_us": "120", "server_rtt_us": "18000"}
		if w, ok := want[column]; ok && rows[1][i] != w {
			t.Errorf("%s is %q, want %q", column, rows[1][i], w)
		}
	}
	b := make([]byte, 0, 4096)
	if n := testing.AllocsPerRun(100, func() { f.AppendCSV(b); f.AppendJSON(b) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// validate checks a record against the schema.
func validate(t *testing.T, text string) {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("flow.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("flow.json")
	if err != nil {
		t.Fatal(err)
	}
	record, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(record); err != nil {
		t.Errorf("%v\n%s", err, text)
	}
}
