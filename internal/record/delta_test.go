// SPDX-License-Identifier: Apache-2.0

package record

import (
	"encoding/json"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"github.com/weirnet/weir/internal/packet"
)

// spoil changes a value.
func spoil(t *testing.T, v reflect.Value) {
	t.Helper()
	switch to := v.Addr().Interface().(type) {
	case *netip.AddrPort:
		*to = netip.MustParseAddrPort("192.0.2.99:99")
		return
	case *[]packet.Tunnel:
		*to = append(*to, packet.TunnelGTPU)
		return
	case *[]uint16:
		*to = append(*to, 77)
		return
	case *[]byte:
		*to = append(*to, 'x')
		return
	case **Origin:
		*to = &Origin{ASN: 64511, Country: "NL"}
		return
	case **Process:
		*to = &Process{PID: 7, Name: "nc"}
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(v.String() + "x")
	case reflect.Bool:
		v.SetBool(!v.Bool())
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(v.Uint() + 1)
	case reflect.Int64:
		v.SetInt(v.Int() + 1)
	case reflect.Array:
		spoil(t, v.Index(v.Len()-1))
	default:
		t.Fatalf("no other value of a %s", v.Type())
	}
}

// TestSums: each field of a record changes exactly its part's sum. A new field has to be put into a part, or here.
func TestSums(t *testing.T) {
	none := Parts(0)
	want := map[string]Parts{
		"ID": none, "State": none, "EndReason": none, "LastSeen": none, "Step": none, // always there, or not written
		"ICMPType": none, "ICMPCode": none, "ICMPID": none, // in Info, or not written
		"CommunityID": 1 << PartIdentity, "Interface": 1 << PartIdentity, "VLANs": 1 << PartIdentity,
		"IPVersion": 1 << PartIdentity, "Proto": 1 << PartIdentity, "Direction": 1 << PartPlace,
		"Process":  1 << PartPlace,
		"Protocol": 1 << PartVerdict, "Application": 1 << PartVerdict, "Category": 1 << PartVerdict,
		"Hostname": 1 << PartVerdict, "Method": 1 << PartVerdict, "ApplicationMethod": 1 << PartVerdict,
		"HostnameMethod": 1 << PartVerdict, "Tunnels": 1 << PartVerdict, "FirstSeen": 1 << PartBegin,
		"Info": 1 << PartInfo, "Risks": 1 << PartRisks,
		"Client.Packets": none, "Client.Bytes": none, "Server.Packets": none, "Server.Bytes": none,
		"Client.Addr": 1 << PartIdentity, "Client.MAC": 1 << PartPlace, "Client.Side": 1 << PartPlace,
		"Server.Addr": 1 << PartIdentity, "Server.MAC": 1 << PartPlace, "Server.Side": 1 << PartPlace,
		"NAT.Kind": 1 << PartConnection, "NAT.Client": 1 << PartConnection, "NAT.Server": 1 << PartConnection,
		"Conntrack.ID": 1 << PartConnection, "Conntrack.Mark": 1 << PartConnection,
		"Conntrack.Zone": 1 << PartConnection, "Conntrack.IsTracked": 1 << PartConnection,
		"Conntrack.IsOffloaded": 1 << PartConnection, "RoundTrips": 1 << PartIdentity,
	}
	for _, end := range []string{"Client.", "Server."} {
		for field := range reflect.TypeFor[packet.Health]().Fields() {
			want[end+"Health."+field.Name] = 1 << PartHealth
		}
		want[end+"Origin"] = 1 << PartPlace
	}
	var summer Summer
	check := func(name string, field func(*Flow) reflect.Value) {
		expected, ok := want[name]
		if !ok {
			t.Errorf("%s is in no part", name)
		}
		var before, again, after Sums
		r := translated()
		f := &r
		summer.Sum(f, &before)
		summer.Sum(f.Clone(), &again)
		spoil(t, field(f))
		summer.Sum(f, &after)
		if before != again {
			t.Errorf("two sums of the same record differ: %v, %v", before, again)
		}
		if got := after.Changed(&before); got != expected {
			t.Errorf("another %s changes the parts %b, want %b", name, got, expected)
		}
	}
	for _, field := range reflect.VisibleFields(reflect.TypeFor[Flow]()) {
		each(field.Name, field.Type, field.Index, func(name string, index []int) {
			check(name, func(f *Flow) reflect.Value { return reflect.ValueOf(f).Elem().FieldByIndex(index) })
		})
	}
}

// each calls what with each field of a structure, and of those within it; with a field that is none itself.
func each(name string, of reflect.Type, index []int, what func(name string, index []int)) {
	if of.Kind() != reflect.Struct || of == reflect.TypeFor[netip.AddrPort]() {
		what(name, index)
		return
	}
	for i := range of.NumField() {
		each(name+"."+of.Field(i).Name, of.Field(i).Type, append(index[:len(index):len(index)], i), what)
	}
}

// TestDelta: a delta has the parts that changed, and no others.
func TestDelta(t *testing.T) {
	f := translated()
	f.State, f.EndReason, f.Protocol, f.Risks = StateUpdate, NotEnded, "tls", 1
	f.Info = []byte(`"tls":{"version":"1.3"}`)
	const head = `{"type":"flow_delta","id":"00000000000000000000000000000000","state":"update",` +
		`"last_seen":"1970-01-01T00:00:00.000000000Z"`
	for _, c := range []struct {
		changed Parts
		since   Counts
		want    string
	}{
		{0, Counts{}, `}`},
		{0, Counts{ClientBytes: 7}, `,"client":{"bytes":7}}`},
		{0, Counts{1, 60, 2, 1<<64 - 1},
			`,"client":{"packets":1,"bytes":60},"server":{"packets":2,"bytes":18446744073709551615}}`},
		{1 << PartPlace, Counts{ServerPackets: 3},
			`,"client":{"side":"lan"},"server":{"side":"wan","packets":3},"direction":"outbound",` +
				`"process":{"pid":42,"name":"curl","executable":"/usr/bin/curl","uid":1000}}`},
		{1 << PartConnection, Counts{}, `,"nat":{"kind":"snat","client_ip":"198.51.100.1","client_port":40112,` +
			`"server_ip":"203.0.113.7","server_port":443},"conntrack":{"id":9,"mark":7,"zone":5},"offloaded":true}`},
		{1 << PartVerdict, Counts{}, `,"protocol":"tls","method":"none"}`},
		{1 << PartHealth, Counts{ClientPackets: 3}, `,"client":{"packets":3,"tcp_flags":"FSPA","retransmits":70000,` +
			`"out_of_order":2,"resets":1,"zero_windows":4,"ttl":64,"dscp":46},"server":{"tcp_flags":"SA","ttl":51}}`},
		{1<<PartBegin | 1<<PartInfo | 1<<PartRisks, Counts{}, `,"first_seen":"1970-01-01T00:00:00.000000000Z",` +
			`"tls":{"version":"1.3"},"risks":["cleartext-credentials"]}`},
	} {
		got := string(f.AppendDelta(nil, c.changed, c.since))
		if got != head+c.want {
			t.Errorf("parts %b:\n got %s\nwant %s%s", c.changed, got, head, c.want)
		}
		if !json.Valid([]byte(got)) || !f.IsDelta(c.changed) {
			t.Errorf("not a delta: %s", got)
		}
	}
}

// TestNoDelta: a change that a delta can't express needs a whole record.
func TestNoDelta(t *testing.T) {
	for _, p := range []Part{PartIdentity, PartConnection, PartInfo, PartRisks, PartHealth} {
		if new(Flow).IsDelta(1 << p) {
			t.Errorf("a delta would tell that part %d is gone", p)
		}
	}
	a := Counts{1, 2, 3, 4}
	for _, b := range []Counts{{2, 2, 3, 4}, {1, 3, 3, 4}, {1, 2, 4, 4}, {1, 2, 3, 5}} {
		if a.Reaches(b) || !b.Reaches(a) || b.Sub(a) == (Counts{}) {
			t.Errorf("%v and %v", a, b)
		}
	}
}

func TestDeltaAllocates(t *testing.T) {
	r := translated()
	f := &r
	f.Info = []byte(`"tls":{` + strings.Repeat(" ", 500) + `}`)
	var summer Summer
	var sums Sums
	b := make([]byte, 0, 4096)
	if n := testing.AllocsPerRun(100, func() {
		summer.Sum(f, &sums)
		f.AppendDelta(b, 1<<numParts-1, f.Counts())
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
