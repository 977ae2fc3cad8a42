// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"net"
	"strings"
	"testing"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"
)

// TestMMDB: records tell where the ends that are not of the LAN are at home.
func TestMMDB(t *testing.T) {
	tree, err := mmdbwriter.New(mmdbwriter.Options{DatabaseType: "test", IncludeReservedNetworks: true})
	if err != nil {
		t.Fatal(err)
	}
	_, all, _ := net.ParseCIDR("0.0.0.0/0")
	says := mmdbtype.Map{"autonomous_system_number": mmdbtype.Uint32(64496),
		"autonomous_system_organization": mmdbtype.String("Example"), "country_code": mmdbtype.String("NL")}
	if err := tree.Insert(all, says); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := tree.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	path := file(t, "test.mmdb", b.Bytes())
	const capture = "../../testdata/household.pcap"
	fields := []string{"flows", "--protocol", "tls", "--app", "github", "--fields",
		"state,client.asn,client.country,server.asn,server.as_name,server.country"}
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"sides unknown", []string{"--mmdb", path}, "end\t64496\tNL\t64496\tExample\tNL\n"},
		{"a client of the LAN", []string{"--mmdb", path, "--lan-network", "192.0.2.0/24"},
			"end\t\t\t64496\tExample\tNL\n"},
		{"no file", nil, "end\t\t\t\t\t\n"},
	} {
		status, out, stderr := weir(append(append(fields, c.args...), capture)...)
		if status != 0 || !strings.HasSuffix(out, c.want) {
			t.Errorf("%s: status %d\n%s%s", c.name, status, out, stderr)
		}
	}
	status, _, stderr := weir("replay", "--mmdb", capture, capture)
	if status != 2 || !strings.Contains(stderr, "household.pcap: this is no MMDB file") {
		t.Errorf("another file: status %d, %s", status, stderr)
	}
}
