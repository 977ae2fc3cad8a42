// SPDX-License-Identifier: Apache-2.0

package privacy

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirnet/weir/internal/hosts"
	"github.com/weirnet/weir/internal/record"
)

// TestVectors are those of draft-denis-ipcrypt.
func TestVectors(t *testing.T) {
	const basic = "0123456789abcdeffedcba98765432101032547698badcfeefcdab8967452301"
	const networks = "2b7e151628aed2a6abf7158809cf4f3ca9f5ba40db214c3798f2e1c23456789a"
	for _, v := range [][3]string{
		{basic, "0.0.0.0", "151.82.155.134"},
		{basic, "255.255.255.255", "94.185.169.89"},
		{basic, "192.0.2.1", "100.115.72.131"},
		{basic, "2001:db8::1", "c180:5dd4:2587:3524:30ab:fa65:6ab6:f88"},
		{networks, "10.0.0.47", "19.214.210.244"},
		{networks, "10.0.0.129", "19.214.210.80"},
		{networks, "172.16.5.193", "210.78.229.136"},
		{networks, "2001:db8::a5c9:4e2f:bb91:5a7d", "7cec:702c:1243:f70:1956:125:b9bd:1aba"},
	} {
		key, err := hex.DecodeString(v[0])
		if err != nil {
			t.Fatal(err)
		}
		c, err := newIPCrypt([32]byte(key))
		if err != nil {
			t.Fatal(err)
		}
		if got := c.encrypt(netip.MustParseAddr(v[1])); got.String() != v[2] {
			t.Errorf("%s becomes %s, want %s", v[1], got, v[2])
		}
	}
	if _, err := newIPCrypt([32]byte{}); err == nil {
		t.Error("a key with equal halves is taken")
	}
}

var key = bytes.Repeat([]byte{7, 1}, KeySize/2)

// planted is a flow with a value of its own in every place that can name someone.
func planted() *record.Flow {
	f := &record.Flow{
		CommunityID: []byte("1:planted-community="), Interface: "planted0", VLANs: []uint16{3991},
		IPVersion: 4, Proto: 6,
		Client: record.Endpoint{Addr: netip.MustParseAddrPort("192.168.77.10:40001"), Side: record.SideLAN,
			MAC: [6]byte{0x02, 0x77, 0, 0, 0, 0x10}},
		Server: record.Endpoint{Addr: netip.MustParseAddrPort("198.51.100.77:443"), Side: record.SideWAN,
			MAC: [6]byte{0x02, 0x77, 0, 0, 0, 0x01}},
		NAT: record.NAT{Kind: record.SNAT, Client: netip.MustParseAddrPort("203.0.113.77:40001"),
			Server: netip.MustParseAddrPort("198.51.100.77:443")},
		Protocol: "tls", Hostname: []byte("planted.www.example.co.uk"), HostnameMethod: record.HostnameByDNS,
		FirstSeen: 1, LastSeen: 2,
		Info: []byte(`"tls":{"version":"1.3","sni":"planted.www.example.co.uk","san":["planted-san.example"]},` +
			`"stun":{"mapped":"203.0.113.77:40001"},"dhcp":{"client":"02:77:00:00:00:10"}`),
	}
	copy(f.ID[:], strings.Repeat("77aa", 8))
	return f
}

func device() *hosts.Host {
	at := time.Unix(1, 0)
	return &hosts.Host{MAC: "02:77:00:00:00:10", Interface: "planted0", FirstSeen: at, LastSeen: at,
		Addresses: []hosts.Address{{IP: netip.MustParseAddr("192.168.77.10"), FirstSeen: at, LastSeen: at}},
		Names:     []hosts.Name{{Name: "planted-laptop", Source: "dhcp"}}, Router: netip.MustParseAddr("192.168.77.1")}
}

const (
	lan  = "192.168.77.10|02:77:00:00:00:10|" // of the client
	wan  = "198.51.100.77|02:77:00:00:00:01|"
	nat  = "203.0.113.77|"
	name = "planted.www|planted-san|"
	ids  = "planted-community|77aa77aa|"
)

// TestPlantedValues: what a setting hides is nowhere in what leaves, and what it does not hide is there.
func TestPlantedValues(t *testing.T) {
	for _, c := range []struct {
		name    string
		config  Config
		hidden  string
		remains string
	}{
		{"the LAN's addresses", Config{Addresses: PseudonymLAN},
			lan + nat + ids + "192.168.77.1\"|planted-laptop|planted-san", "198.51.100.77|planted.www"},
		{"all addresses", Config{Addresses: PseudonymAll}, lan + wan + nat + ids + "planted-laptop|planted-san",
			"planted.www|1.3"},
		{"host names off", Config{HostNames: NoNames}, name + "example|planted-laptop", "192.168.77.10|1.3"},
		{"domains", Config{HostNames: DomainNames}, name + "planted-laptop", "\"example.co.uk|192.168.77.10"},
		{"the gateway", Config{MaskGateway: true}, nat + ids, "192.168.77.10|198.51.100.77|planted.www|0.0.0.0"},
		{"fields", Config{OmitFields: []string{"community_id", "interface", "vlan", "mac", "nat", "hostname", "tls",
			"stun", "dhcp"}}, nat + name + "planted|3991|02:77", "192.168.77.10"},
		{"a network", Config{OmitNetworks: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}}, wan + name + ids,
			"planted-laptop"},
		{"a network in the findings", Config{OmitNetworks: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}},
			nat + name, "planted-laptop"},
		{"a device", Config{OmitDevices: []string{"02-77-00-00-00-10"}}, lan + wan + name + "planted", ""},
		{"a host", Config{OmitHosts: []string{"*.EXAMPLE.co.uk"}}, name + wan, "planted-laptop"},
		{"a host in the findings", Config{OmitHosts: []string{"planted-san.example"}}, name + wan, "planted-laptop"},
	} {
		f, err := New(c.config, key)
		if err != nil {
			t.Fatal(err)
		}
		var out []byte
		if r := f.Flow(planted()); r != nil {
			out = r.AppendJSON(out)
		}
		if d := f.Device(device()); d != nil {
			out = d.AppendJSON(out)
		}
		for _, value := range strings.Split(c.hidden, "|") {
			if value != "" && bytes.Contains(out, []byte(value)) {
				t.Errorf("%s: %q is in %s", c.name, value, out)
			}
		}
		for _, value := range strings.Split(c.remains, "|") {
			if !bytes.Contains(out, []byte(value)) {
				t.Errorf("%s: %q is missing in %s", c.name, value, out)
			}
		}
	}
}

// TestAllAddressesOfADevice: a device is omitted, or has a pseudonym, by each of its addresses, also where a record
// lacks its MAC address, has a router's, or only names the address.
func TestAllAddressesOfADevice(t *testing.T) {
	const text4, text6 = "192.168.77.10", "2001:db8:77::10"
	ours := [6]byte{0x02, 0x77, 0, 0, 0, 0x10}
	known := func(a netip.Addr) (neighbour, sender [6]byte) {
		switch a.String() {
		case text4: // and somebody forges it
			return ours, [6]byte{2, 0, 0, 0, 0, 9}
		case text6:
			return [6]byte{}, ours
		}
		return
	}
	flows := map[string]func(r *record.Flow){
		"no MAC address":      func(r *record.Flow) { r.Client.MAC = [6]byte{} },
		"a router's":          func(r *record.Flow) { r.Client.MAC = [6]byte{2, 0, 0, 0, 0, 1} },
		"IPv6 from elsewhere": func(r *record.Flow) { r.Client.Addr = netip.MustParseAddrPort("[" + text6 + "]:9") },
		"as a server": func(r *record.Flow) {
			r.Client, r.Server = r.Server, r.Client
		},
	}
	omit, err := New(Config{OmitDevices: []string{"02:77:00:00:00:10"}}, key)
	if err != nil {
		t.Fatal(err)
	}
	hide, err := New(Config{Addresses: PseudonymLAN}, key)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []*Filter{omit, hide, nil} {
		f.SetMACs(known)
	}
	for name, change := range flows {
		r := planted()
		r.Info, r.NAT, r.Client.MAC, r.Client.Side = nil, record.NAT{}, [6]byte{}, record.SideWAN
		change(r)
		if out := omit.Flow(r); out != nil {
			t.Errorf("%s: %s leaves", name, out.AppendJSON(nil))
		}
		text := hide.Flow(r).AppendJSON(nil)
		if bytes.Contains(text, []byte(text4)) || bytes.Contains(text, []byte(text6)) {
			t.Errorf("%s: an address is in %s", name, text)
		}
	}
	for _, info := range []string{`"dns":{"answers":["` + text6 + `"]}`, `"sip":{"contact":"` + text4 + `:5060"}`} {
		r := planted()
		r.NAT, r.Client.MAC, r.Client.Addr = record.NAT{}, [6]byte{}, netip.MustParseAddrPort("192.168.77.20:1")
		r.Info = []byte(info)
		if out := omit.Flow(r); out != nil {
			t.Errorf("%s leaves", out.AppendJSON(nil))
		}
		r.Info = []byte(strings.NewReplacer("::10", "::11", "77.10", "77.11").Replace(info))
		if omit.Flow(r) == nil {
			t.Errorf("%s is of others, and does not leave", r.Info)
		}
	}
	other := device()
	other.MAC, other.Addresses[0].IP, other.Router = "", netip.MustParseAddr("192.168.78.1"), netip.MustParseAddr(text4)
	if out := omit.Device(other); out == nil || out.Router.IsValid() {
		t.Errorf("a device behind the omitted one: %+v", out)
	}
	other.Addresses[0].IP = netip.MustParseAddr(text6)
	if out := omit.Device(other); out != nil {
		t.Errorf("%+v leaves", out)
	}
}

// TestPseudonymsStay: the same key gives the same pseudonyms, another key others; a network stays one.
func TestPseudonymsStay(t *testing.T) {
	c := Config{Addresses: PseudonymAll}
	first, _ := New(c, key)
	again, _ := New(c, key)
	other, err := New(c, bytes.Repeat([]byte{8, 1}, KeySize/2))
	if err != nil {
		t.Fatal(err)
	}
	a := *first.Flow(planted())
	b, d := *again.Flow(planted()), *other.Flow(planted())
	if a.Client.Addr != b.Client.Addr || a.Client.MAC != b.Client.MAC || a.ID != b.ID {
		t.Error("the pseudonyms of one key differ")
	}
	if a.Client.Addr == d.Client.Addr || a.Client.MAC == d.Client.MAC || a.ID == d.ID {
		t.Error("two keys have the same pseudonyms")
	}
	p := netip.PrefixFrom(first.pseudonym(netip.MustParseAddr("192.168.77.10")), 24).Masked()
	if !p.Contains(first.pseudonym(netip.MustParseAddr("192.168.77.200"))) {
		t.Error("a network is torn apart")
	}
	for _, group := range []string{"224.0.0.251", "ff02::fb", "255.255.255.255", "0.0.0.0", "::"} {
		if got := first.pseudonym(netip.MustParseAddr(group)); got.String() != group {
			t.Errorf("%s becomes %s", group, got)
		}
	}
	if planted().ID == a.ID {
		t.Error("the flow's id stays, which is a hash of its addresses")
	}
}

func TestNothingToFilter(t *testing.T) {
	f, err := New(Config{Addresses: PlainAddresses, HostNames: FullNames}, nil)
	if f != nil || err != nil {
		t.Fatal(f, err)
	}
	r, d := planted(), device()
	if f.Flow(r) != r || f.Device(d) != d {
		t.Error("a nil filter changes something")
	}
}

func TestRefused(t *testing.T) {
	for _, c := range []Config{{OmitDevices: []string{"planted"}}, {OmitDevices: []string{"00:00:5e:00:53:01:02:03"}}} {
		if _, err := New(c, key); err == nil {
			t.Errorf("%v is taken", c)
		}
	}
	if _, err := New(Config{MaskGateway: true}, key[1:]); err == nil {
		t.Error("a short key is taken")
	}
}

// FuzzFindings: whatever findings hold, what leaves is JSON without the hidden parts, and nothing panics.
func FuzzFindings(f *testing.F) {
	f.Add([]byte(planted().Info))
	f.Add([]byte(`"tls":{"version":"1.3"}`))
	f.Add([]byte(`"a":1`))
	f.Add([]byte(`"dns":{"answers":["203.0.113.9","[2001:db8::1]:53"]}`))
	filter, err := New(Config{HostNames: NoNames, OmitNetworks: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")},
		OmitHosts: []string{"example.org"}}, key)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, info []byte) {
		r := planted()
		r.NAT, r.Info = record.NAT{}, info
		o := filter.Flow(r)
		if o == nil || len(o.Info) == 0 {
			return
		}
		var groups map[string]map[string]any
		if err := json.Unmarshal(slices.Concat([]byte("{"), o.Info, []byte("}")), &groups); err != nil {
			t.Fatalf("%q leaves of %q: %v", o.Info, info, err)
		}
		for group, findings := range groups {
			for finding := range findings {
				if !slices.Contains(safe[group], finding) {
					t.Errorf("%q leaves of %q", o.Info, info)
				}
			}
		}
	})
}
