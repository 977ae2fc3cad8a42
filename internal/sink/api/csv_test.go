// SPDX-License-Identifier: Apache-2.0

package api

import (
	"encoding/csv"
	"encoding/json"
	"strings"
	"testing"

	"github.com/weirnet/weir/internal/record"
	"github.com/weirnet/weir/internal/sink/store"
)

const agent = "00112233445566778899aabbccddeeff"

// flowRecord has every member of a record but the dissectors' findings.
const flowRecord = `{"type":"flow","schema":1,"id":"ffeeddccbbaa99887766554433221100",` +
	`"community_id":"1:AAAAAAAAAAAAAAAAAAAAAAAAAAA=","state":"end","end_reason":"closed","interface":"lan0",` +
	`"vlan":[10,20],"ip_version":4,"ip_proto":"tcp",` +
	`"client":{"ip":"192.168.1.20","port":51324,"mac":"aa:bb:cc:dd:ee:ff","side":"lan","packets":12,"bytes":1840,` +
	`"tcp_flags":"FSPA","retransmits":2,"ttl":64},` +
	`"server":{"ip":"198.51.100.7","port":443,"side":"wan","asn":64500,"as_name":"Example Ltd.",` +
	`"country":"DE","packets":18,"bytes":22011,"tcp_flags":"FSPA","out_of_order":1,"ttl":57},"direction":"outbound",` +
	`"process":{"pid":7,"name":"curl","executable":"/usr/bin/curl","uid":1000},` +
	`"nat":{"kind":"snat","client_ip":"203.0.113.1","client_port":40112,"server_ip":"198.51.100.7",` +
	`"server_port":443},` +
	`"conntrack":{"id":9,"mark":3,"zone":2},"offloaded":true,` +
	`"tcp":{"rtt_us":21000,"client_rtt_us":1000,"server_rtt_us":20000},` +
	`"protocol":"tls","application":"facebook","category":"social-network","hostname":"www.facebook.com",` +
	`"hostname_method":"dns","method":"dpi","application_method":"host","tunnel":["gre","vxlan"],` +
	`"first_seen":"2026-11-30T08:00:00.000000001Z","last_seen":"2026-11-30T08:00:01.500000000Z",` +
	`"risks":["tls-weak-cipher"]}`

// TestParseRecord: a record's JSON is read whole: it is written as it was.
func TestParseRecord(t *testing.T) {
	r, err := parseRecord([]byte(flowRecord))
	if err != nil {
		t.Fatal(err)
	}
	if got := string(r.AppendJSON(nil)); got != flowRecord {
		t.Errorf("%s\nwant\n%s", got, flowRecord)
	}
	for n := range len(flowRecord) {
		if _, err := parseRecord([]byte(flowRecord[:n])); err == nil {
			t.Errorf("%s: no error", flowRecord[:n])
		}
	}
	newer := strings.NewReplacer(`"end"`, `"paused"`, `"gre"`, `"new"`, `"closed"`, `"newer"`).Replace(flowRecord)
	if r, err := parseRecord([]byte(newer)); err != nil || r.State != 0 || r.EndReason != 0 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestFlowsCSV(t *testing.T) {
	f := &fakeStore{flows: store.Flows{Rows: []store.Flow{
		{Agent: agent, Device: "aa:bb:cc:dd:ee:ff", Record: json.RawMessage(flowRecord)},
		{Agent: agent, Record: json.RawMessage(
			strings.Replace(flowRecord, "www.facebook.com", "=cmd|' /C calc'!A0", 1))},
	}, Next: "n"}}
	response, body := get(t, New(f, nil, nil), "flows", "Accept", "text/csv")
	rows, err := csv.NewReader(strings.NewReader(body)).ReadAll()
	if err != nil || len(rows) != 3 || response.Header.Get("Content-Type") != csvType ||
		response.Header.Get("Link") == "" {
		t.Fatalf("%v, %v: %s", response.Header, err, body)
	}
	if header := strings.Join(rows[0], ","); header != "agent,device,"+record.CSVHeader {
		t.Error(header)
	}
	byName := func(row int, name string) string {
		for i, n := range rows[0] {
			if n == name {
				return rows[row][i]
			}
		}
		return "no column " + name
	}
	for name, want := range map[string]string{"agent": agent, "device": "aa:bb:cc:dd:ee:ff", "server_port": "443",
		"hostname": "www.facebook.com", "nat_client_ip": "203.0.113.1", "client_side": "lan", "vlan": "10 20"} {
		if got := byName(1, name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	if got := byName(2, "hostname"); got != "'=cmd|' /C calc'!A0" {
		t.Errorf("a formula: %s", got)
	}
}

func TestTopCSV(t *testing.T) {
	f := &fakeStore{top: store.Top{
		Rows: []store.TopRow{{Key: "@SUM(1)", Sums: store.Sums{UpBytes: 1, DownBytes: 2, Packets: 3, Flows: 4}},
			{Key: ""}},
		Other: store.Sums{Flows: 5}, Total: store.Sums{Flows: 9},
	}}
	h := New(f, nil, nil)
	_, body := get(t, h, "top", "Accept", "application/json;q=0.5, text/csv")
	want := "row,key,up_bytes,down_bytes,packets,flows\nkey,\"'@SUM(1)\",1,2,3,4\nkey,,0,0,0,0\n" +
		"other,,0,0,0,5\ntotal,,0,0,0,9\n"
	if body != want {
		t.Errorf("%s\nwant\n%s", body, want)
	}
	for accept, isCSV := range map[string]bool{"": false, "*/*": false, "text/csv": true, "TEXT/CSV; q=0.1": true,
		"text/csv;q=0": false, "text/html, text/csv;q=0.5, application/json;q=0.4": true,
		"application/json, text/csv": false,
		"text/csv;q=x":               false} {
		if got := contentType(accept) != ""; got != isCSV {
			t.Errorf("%s: %v", accept, got)
		}
	}
	// Errors are problems, whatever was asked for.
	if response, _ := get(t, h, "top?by=x", "Accept", "text/csv"); response.Header.Get("Content-Type") != problemType {
		t.Error(response.Header)
	}
}
