// SPDX-License-Identifier: Apache-2.0

package geo

import (
	"bytes"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"

	"github.com/weirnet/weir/internal/record"
)

// database makes an MMDB file of a kind, with what it says of networks.
func database(t testing.TB, kind string, networks map[string]mmdbtype.Map) []byte {
	t.Helper()
	tree, err := mmdbwriter.New(mmdbwriter.Options{DatabaseType: kind, RecordSize: 24,
		IncludeReservedNetworks: true})
	if err != nil {
		t.Fatal(err)
	}
	for text, says := range networks {
		_, network, err := net.ParseCIDR(text)
		if err != nil {
			t.Fatal(err)
		}
		if err := tree.Insert(network, says); err != nil {
			t.Fatal(err)
		}
	}
	var b bytes.Buffer
	if _, err := tree.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func asnFile(t testing.TB) []byte {
	return database(t, "GeoLite2-ASN", map[string]mmdbtype.Map{
		"198.51.100.0/24": {"autonomous_system_number": mmdbtype.Uint32(64496),
			"autonomous_system_organization": mmdbtype.String("Example \xff" + strings.Repeat("é", 60))},
		"2001:db8:1::/48": {"autonomous_system_number": mmdbtype.Uint32(4200000000)},
	})
}

func countryFile(t testing.TB) []byte {
	return database(t, "GeoLite2-Country", map[string]mmdbtype.Map{
		"198.51.100.0/24": {"country": mmdbtype.Map{"iso_code": mmdbtype.String("NL")}},
		"203.0.113.0/24":  {"country_code": mmdbtype.String("de")},
		"192.0.2.0/24":    {"country": mmdbtype.Map{"iso_code": mmdbtype.String("<b>")}},
	})
}

// other is of another maker: texts, flat.
func otherFile(t testing.TB) []byte {
	return database(t, "other", map[string]mmdbtype.Map{
		"203.0.113.0/24": {"asn": mmdbtype.String("AS64511"), "as_name": mmdbtype.String("Other"),
			"country": mmdbtype.String("FR")},
		"10.0.0.0/8": {"asn": mmdbtype.String("AS1"), "country": mmdbtype.String("US")},
	})
}

func write(t testing.TB, name string, text []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFind(t *testing.T) {
	table, err := Open(write(t, "asn", asnFile(t)), write(t, "country", countryFile(t)),
		write(t, "other", otherFile(t)))
	if err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]record.Origin{
		"198.51.100.7":        {ASN: 64496, ASName: "Example " + strings.Repeat("é", 45), Country: "NL"},
		"::ffff:198.51.100.7": {ASN: 64496, ASName: "Example " + strings.Repeat("é", 45), Country: "NL"},
		"203.0.113.9":         {ASN: 64511, ASName: "Other", Country: "DE"}, // the first file that knows the country
		"2001:db8:1::5":       {ASN: 4200000000, ASName: "", Country: ""},
		"2001:db8:2::5":       {},
		"192.0.2.1":           {}, // no country's code
		"10.1.2.3":            {}, // not global, whatever a file says
		"127.0.0.1":           {},
		"fe80::1%eth0":        {},
		"224.0.0.1":           {},
	} {
		for range 2 { // looked up, and remembered
			if got := table.Find(netip.MustParseAddr(address)); got == nil && want != (record.Origin{}) ||
				got != nil && (*got != want || want == (record.Origin{})) {
				t.Errorf("%s: %+v, want %+v", address, got, want)
			}
		}
	}
	if got := table.Find(netip.Addr{}); got != nil {
		t.Errorf("no address: %+v", got)
	}
	none, err := Open()
	if none != nil || err != nil || none.Find(netip.MustParseAddr("198.51.100.7")) != nil {
		t.Errorf("without files: %v, %v", none, err)
	}
}

// TestFlow: an end of the LAN has no origin, whatever address it has.
func TestFlow(t *testing.T) {
	table, err := Open(write(t, "asn", asnFile(t)))
	if err != nil {
		t.Fatal(err)
	}
	for side, want := range map[record.Side]uint32{record.SideWAN: 64496, record.SideUnknown: 64496,
		record.SideLAN: 0, record.SideGateway: 0} {
		r := record.Flow{Client: record.Endpoint{Addr: netip.MustParseAddrPort("198.51.100.7:1"), Side: side}}
		table.Flow(&r)
		got := r.Client.Origin
		if (got != nil) != (want != 0) || got != nil && got.ASN != want || r.Server.Origin != nil {
			t.Errorf("side %s: %+v, want %d", side, got, want)
		}
	}
	var none *Table
	none.Flow(&record.Flow{})
}

// TestFindIsBounded: any number of addresses takes the same memory.
func TestFindIsBounded(t *testing.T) {
	table, err := Open(write(t, "asn", asnFile(t)))
	if err != nil {
		t.Fatal(err)
	}
	a := netip.MustParseAddr("198.51.100.0")
	for range 3 * maxRemembered {
		table.Find(a)
		a = a.Next()
	}
	if len(table.remembered) > maxRemembered {
		t.Errorf("%d addresses are remembered", len(table.remembered))
	}
	known := netip.MustParseAddr("198.51.100.7")
	if n := testing.AllocsPerRun(100, func() { table.Find(known) }); n > 0 {
		t.Errorf("%v allocations for a remembered address", n)
	}
}

// TestOpenRefuses: the error names the file, and says what is wrong with it.
func TestOpenRefuses(t *testing.T) {
	for path, want := range map[string]string{
		"/nonexistent.mmdb": "no such file",
		t.TempDir():         "regular file",
		write(t, "text", []byte("country: NL\n")): "no MMDB file",
		write(t, "empty", nil):                    "no MMDB file",
	} {
		if _, err := Open(path); err == nil || !strings.Contains(err.Error(), want) ||
			!strings.HasPrefix(err.Error(), path+": ") && !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
}

// TestTruncated: a file that was cut anywhere is refused, or says nothing wrong.
func TestTruncated(t *testing.T) {
	whole := otherFile(t)
	path := filepath.Join(t.TempDir(), "cut")
	for cut := range whole {
		if err := os.WriteFile(path, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		if table, err := Open(path); err == nil {
			table.Find(netip.MustParseAddr("203.0.113.9"))
		}
	}
}

// FuzzFind: whatever is in a file, what it says of an address has its form.
func FuzzFind(f *testing.F) {
	for _, seed := range [][]byte{asnFile(f), countryFile(f), otherFile(f)} {
		f.Add(seed)
	}
	path := filepath.Join(f.TempDir(), "fuzzed")
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		table, err := Open(path)
		if err != nil {
			return
		}
		for _, a := range []string{"203.0.113.9", "198.51.100.7", "2001:db8:1::5", "255.255.255.254"} {
			info := table.Find(netip.MustParseAddr(a))
			if info == nil {
				continue
			}
			if len(info.ASName) > maxName || len(info.Country) != 0 && len(info.Country) != 2 {
				t.Errorf("%+v", info)
			}
		}
	})
}
