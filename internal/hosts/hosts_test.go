// SPDX-License-Identifier: Apache-2.0

package hosts

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/record"
	"github.com/weirnet/weir/internal/topology"
)

var (
	phone   = [6]byte{0xd6, 0x11, 0x22, 0x33, 0x44, 0x55} // chosen at random
	printer = [6]byte{0x00, 0x80, 0x77, 0x01, 0x02, 0x03}
	start   = time.Date(2026, 11, 27, 8, 0, 0, 0, time.UTC)
)

// onLink places all addresses on lan0, but 10.50.0.0/16 behind a router.
func onLink(a netip.Addr) topology.Place {
	if netip.MustParsePrefix("10.50.0.0/16").Contains(a) {
		return topology.Place{Router: netip.MustParseAddr("192.168.1.11"), Interface: "lan0"}
	}
	return topology.Place{Interface: "lan0"}
}

// from returns a record of a device's flow to a server of the Internet.
func from(mac [6]byte, client, protocol, info string, after time.Duration) *record.Flow {
	at := start.Add(after).UnixNano()
	return &record.Flow{
		Client: record.Endpoint{Addr: netip.MustParseAddrPort(client), MAC: mac, Packets: 1, Side: record.SideLAN},
		Server: record.Endpoint{Addr: netip.MustParseAddrPort("203.0.113.7:443"), Packets: 1, Side: record.SideWAN},
		Proto:  packet.ProtoTCP, Protocol: protocol, Method: record.MethodDPI, Info: []byte(info), Interface: "lan0",
		FirstSeen: at, LastSeen: at,
	}
}

func only(t *testing.T, table *Table) Host {
	t.Helper()
	all := table.All()
	if len(all) != 1 {
		t.Fatalf("%d devices: %+v", len(all), all)
	}
	return all[0]
}

// TestMACs: an address is that of the kernel's neighbour, and of who sent from it; behind a router it is nobody's.
func TestMACs(t *testing.T) {
	table := New()
	table.Flow(from(phone, "192.168.1.20:5000", "tls", "", 0), onLink)
	table.Flow(from(phone, "[2001:db8::20]:5000", "tls", "", 0), onLink)
	table.Flow(from(printer, "10.50.0.7:5000", "tls", "", 0), onLink)
	table.Neighbours([]topology.Neighbour{{IP: netip.MustParseAddr("192.168.1.20"), MAC: printer, Interface: "lan0"},
		{IP: netip.MustParseAddr("192.168.1.21"), MAC: printer, Interface: "lan0"}}, onLink, start)
	none := [6]byte{}
	for text, want := range map[string][2][6]byte{
		"192.168.1.20": {printer, printer}, "::ffff:192.168.1.21": {printer, printer},
		"2001:db8::20%lan0": {none, phone}, "10.50.0.7": {none, none}, "192.168.1.22": {none, none},
	} {
		neighbour, sender := table.MACs(netip.MustParseAddr(text))
		if got := [2][6]byte{neighbour, sender}; got != want {
			t.Errorf("%s: %x, want %x", text, got, want)
		}
	}
	table.Flow(from(phone, "192.168.1.22:5000", "tls", "", 0), onLink)
	if neighbour, sender := table.MACs(netip.MustParseAddr("192.168.1.22")); neighbour != none || sender != phone {
		t.Errorf("%x, %x", neighbour, sender)
	}
}

func TestDevice(t *testing.T) {
	table := New()
	table.Flow(from(phone, "192.168.1.20:5000", "tls", `"tls":{"ja4":"t13d1516h2_8daaf6152771_b0da82dd1658"}`, 0),
		onLink)
	table.Flow(from(phone, "[2001:db8::20]:5000", "http",
		`"http":{"user_agent":"Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Mobile/15E148"}`, time.Minute),
		onLink)
	r := from(phone, "0.0.0.0:68", "dhcp",
		`"dhcp":{"message_type":"request","client_mac":"d6:11:22:33:44:55",`+
			``+
			`"host_name":"Anna-iPhone","fqdn":"other.example.com"}`, 2*time.Minute)
	r.Client.Side, r.Server = record.SideLAN, record.Endpoint{Addr: netip.MustParseAddrPort("255.255.255.255:67"),
		Side: record.SideBroadcast}
	table.Flow(r, onLink)
	h := only(t, table)
	if h.MAC != "d6:11:22:33:44:55" || !h.RandomMAC || h.Interface != "lan0" || h.Router.IsValid() || h.IsRouter {
		t.Errorf("%+v", h)
	}
	if len(h.Names) != 1 || h.Names[0] != (Name{"Anna-iPhone", "dhcp"}) ||
		table.Name(netip.MustParseAddr("192.168.1.20")) != "Anna-iPhone" {
		t.Errorf("%+v", h.Names)
	}
	if h.OS == nil || h.OS.Value != "ios" || h.Kind == nil || h.Kind.Value != "phone" || h.OS.Confidence < 50 ||
		len(h.OS.Evidence) == 0 {
		t.Errorf("%+v, %+v", h.OS, h.Kind)
	}
	if len(h.Addresses) != 2 || h.Addresses[0].IP.String() != "192.168.1.20" || !h.FirstSeen.Equal(start) ||
		!h.LastSeen.Equal(start.Add(2*time.Minute)) {
		t.Errorf("%+v", h)
	}
}

// TestProtocols: the protocols that teach names, and the end that each names.
func TestProtocols(t *testing.T) {
	for protocol, x := range map[string]struct{ info, want string }{
		"mdns": {`"dns":{"query":"laserjet.local","rcode":"NOERROR","announced":["_ipp._tcp.local"]}`,
			"laserjet mdns"},
		"llmnr":   {`"dns":{"query":"desktop","rcode":"NOERROR"}`, "desktop llmnr"},
		"netbios": {`"netbios":{"name":"OFFICE","operation":"registration"}`, "OFFICE netbios"},
		"dhcpv6":  {`"dhcpv6":{"fqdn":"laptop.example.com"}`, "laptop dhcp"},
	} {
		table := New()
		r := from(printer, "192.168.1.30:5353", protocol, x.info, 0)
		if protocol == "llmnr" { // the answering end owns the name
			r.Client, r.Server = r.Server, r.Client
			table.Neighbours([]topology.Neighbour{{IP: r.Server.Addr.Addr(), MAC: printer, Interface: "lan0",
				IsReachable: true}}, onLink, start)
		}
		table.Flow(r, onLink)
		h := only(t, table)
		if len(h.Names) != 1 || h.Names[0].Name+" "+h.Names[0].Source != x.want {
			t.Errorf("%s: %+v, want %s", protocol, h.Names, x.want)
		}
		if protocol == "mdns" && (h.Kind == nil || h.Kind.Value != "printer") {
			t.Errorf("%s: %+v", protocol, h.Kind)
		}
	}
	for protocol, info := range map[string]string{
		"mdns":    `"dns":{"query":"laserjet.local"}`, // a question, about another device
		"llmnr":   `"dns":{"query":"desktop"}`,
		"netbios": `"netbios":{"name":"OFFICE","operation":"query"}`,
		"http":    `"http":{"user_agent":`, // truncated
		"dhcp":    `"dhcp":{"client_mac":"no address","host_name":"x"}`,
	} {
		table := New()
		r := from(printer, "192.168.1.30:5353", protocol, info, 0)
		table.Flow(r, onLink)
		if h := only(t, table); len(h.Names) > 0 && protocol != "dhcp" {
			t.Errorf("%s: %+v", protocol, h.Names)
		}
	}
}

// TestBehindRouter: devices behind another router have no link-layer address here; the router is marked as one.
func TestBehindRouter(t *testing.T) {
	table := New()
	router := [6]byte{0, 0, 0x5e, 0, 0x53, 0x11}
	table.Neighbours([]topology.Neighbour{{IP: netip.MustParseAddr("192.168.1.11"), MAC: router, Interface: "lan0",
		IsReachable: true}}, onLink, start)
	table.Flow(from(router, "10.50.0.5:5000", "tls", "", time.Second), onLink)
	table.Flow(from(router, "10.50.0.6:5000", "tls", "", time.Second), onLink)
	all := table.All()
	if len(all) != 3 {
		t.Fatalf("%+v", all)
	}
	for _, h := range all {
		if isBehind := h.Router.IsValid(); isBehind == h.IsRouter || isBehind != (h.MAC == "") ||
			len(h.Addresses) != 1 {
			t.Errorf("%+v", h)
		}
	}
}

// TestNeighbours: silent neighbours appear too, and keep the time when they were last heard.
func TestNeighbours(t *testing.T) {
	table := New()
	a := netip.MustParseAddr("192.168.1.30")
	table.Neighbours([]topology.Neighbour{{IP: a, MAC: printer, Interface: "lan0", IsReachable: true}}, onLink, start)
	table.Neighbours([]topology.Neighbour{{IP: a, MAC: printer, Interface: "lan0"}}, onLink, start.Add(time.Hour))
	if h := only(t, table); !h.LastSeen.Equal(start) || h.Vendor == "" || h.RandomMAC {
		t.Errorf("%+v", h)
	}
	r := from(phone, "192.168.1.20:5000", "", "", 0) // a server of the LAN, and a client of unknown address
	r.Client, r.Server = r.Server, r.Client
	table.Flow(r, onLink)
	if len(table.All()) != 1 {
		t.Errorf("%+v", table.All())
	}
}

// TestLimits: the table is bounded, whatever addresses and names arrive.
func TestLimits(t *testing.T) {
	table := New()
	for i := range maxHosts + 100 {
		mac := [6]byte{0x02, 0, 0, byte(i >> 16), byte(i >> 8), byte(i)}
		table.Flow(from(mac, fmt.Sprintf("192.168.%d.%d:99", i>>8&0xff, i&0xff), "http", `"http":{"user_agent":"x"}`,
			time.Duration(i)*time.Second), onLink)
	}
	if n := len(table.All()); n != maxHosts || table.counters.Evicted != 100 {
		t.Errorf("%d devices, %d evicted", n, table.counters.Evicted)
	}
	for i := range 100 {
		table.Flow(from(phone, fmt.Sprintf("[2001:db8::%x]:99", i+1), "http",
			fmt.Sprintf(`"http":{"user_agent":"%d%s"}`, i, strings.Repeat("x", 1000)), 9000*time.Hour), onLink)
		table.Flow(from(phone, "192.168.1.20:99", "mdns",
			fmt.Sprintf(`"dns":{"query":"name%d.local","rcode":"NOERROR"}`, i), 9000*time.Hour), onLink)
	}
	h := table.hosts[key{mac: phone}]
	if len(h.addresses) != maxAddresses || len(h.names) != 1 || len(h.evidence) > maxEvidence ||
		h.names[0].Name != "name99" {
		t.Errorf("%d addresses, %v, %d pieces of evidence", len(h.addresses), h.names, len(h.evidence))
	}
	for _, e := range h.evidence {
		if len(e.Value) > maxText {
			t.Errorf("%d bytes", len(e.Value))
		}
	}
	for a, of := range table.byAddr {
		if table.hosts[of.key] != of || !slices.ContainsFunc(of.addresses, func(x Address) bool { return x.IP == a }) {
			t.Fatalf("%v is of a device that is gone", a)
		}
	}
}

func open(t *testing.T, directory string) (a, b *os.File) {
	t.Helper()
	for i, f := range []**os.File{&a, &b} {
		var err error
		if *f, err = os.OpenFile(filepath.Join(directory, fmt.Sprint(i)), os.O_RDWR|os.O_CREATE, 0o600); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { (*f).Close() })
	}
	return a, b
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestStore(t *testing.T) {
	directory := t.TempDir()
	table := New()
	a, b := open(t, directory)
	store, err := Load(table, a, b)
	if err != nil {
		t.Fatal(err)
	}
	table.Flow(from(phone, "192.168.1.20:99", "http", `"http":{"user_agent":"iPhone"}`, 0), onLink)
	table.Flow(from(phone, "192.168.1.20:99", "mdns", `"dns":{"query":"phone.local","rcode":"NOERROR"}`, time.Hour),
		onLink)
	table.Flow(from(phone, "10.50.0.5:99", "", "", 0), onLink)
	for range 3 {
		if err := store.Save(table); err != nil {
			t.Fatal(err)
		}
	}
	want := table.All()
	again := New()
	if store, err = Load(again, a, b); err != nil || store.sequence != 3 {
		t.Fatalf("%v, sequence %d", err, store.sequence)
	}
	if got := asJSON(t, again.All()); got != asJSON(t, want) {
		t.Errorf("got  %s\nwant %s", got, asJSON(t, want))
	}
	// The newest list is in the first file. Whatever damages that, the other one counts.
	whole, err := os.ReadFile(a.Name())
	if err != nil {
		t.Fatal(err)
	}
	for n := range len(whole) {
		cut := New()
		s, err := Load(cut, &memory{b: slices.Clone(whole[:n])}, b)
		if err != nil || s.sequence != 2 || len(cut.All()) != len(want) {
			t.Fatalf("cut at %d: %v, sequence %d, %d devices", n, err, s.sequence, len(cut.All()))
		}
	}
	if _, err := Load(New(), &memory{b: []byte("rubbish")}, &memory{b: []byte("{}\n")}); !errors.Is(err, errBroken) {
		t.Error(err)
	}
}

// memory is a file in memory.
type memory struct {
	b  []byte
	at int
}

func (m *memory) Read(b []byte) (int, error) {
	if m.at >= len(m.b) {
		return 0, io.EOF
	}
	n := copy(b, m.b[m.at:])
	m.at += n
	return n, nil
}

func (m *memory) Write(b []byte) (int, error) {
	if grow := m.at + len(b) - len(m.b); grow > 0 {
		m.b = append(m.b, make([]byte, grow)...)
	}
	copy(m.b[m.at:], b)
	m.at += len(b)
	return len(b), nil
}

func (m *memory) Seek(at int64, _ int) (int64, error) { m.at = int(at); return at, nil }
func (m *memory) Sync() error                         { return nil }

// TestSaid: said finds a member, and is not fooled by another member's text.
func TestSaid(t *testing.T) {
	for _, value := range []string{"", "curl/8.14.1", `a "quoted" \ back`, "umlaut ü, \u2028, \x01", `"user_agent":"x"`,
		`\`, `{"user_agent":"x`} {
		quoted, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		info := fmt.Sprintf(`"http":{"host":%s,"user_agent":%s,"url":"/"}`, quoted, quoted)
		if got := said([]byte(info), "user_agent"); got != value {
			t.Errorf("%s: %q", info, got)
		}
		for n := range info {
			said([]byte(info)[:n:n], "user_agent")
		}
	}
}

func FuzzLoad(f *testing.F) {
	table := New()
	table.Flow(from(phone, "192.168.1.20:99", "http", `"http":{"user_agent":"iPhone"}`, 0), onLink)
	var m memory
	store, err := Load(table, &m, &memory{})
	if err == nil {
		err = store.Save(table)
	}
	if err != nil {
		f.Fatal(err)
	}
	f.Add(m.b)
	_, body, _ := bytes.Cut(m.b, []byte("\n"))
	f.Add(body)
	f.Fuzz(func(t *testing.T, b []byte) {
		table := New()
		if _, err := Load(table, &memory{b: b}, &memory{}); err == nil {
			table.All()
		}
		var d []saved // more than the checksum lets through
		if bytes.HasPrefix(b, []byte("[")) {
			_ = json.Unmarshal(b, &d)
		}
		for i := range d {
			table.restore(&d[i])
		}
		table.All()
	})
}

// FuzzFlow: a record with any info.
func FuzzFlow(f *testing.F) {
	f.Add("dhcp", `"dhcp":{"client_mac":"d6:11:22:33:44:55","host_name":"x"}`)
	f.Add("mdns", `"dns":{"query":"x.local","rcode":"NOERROR","announced":["_ipp._tcp.local"]}`)
	f.Fuzz(func(t *testing.T, protocol, info string) {
		table := New()
		table.Flow(from(phone, "192.168.1.20:99", protocol, info, 0), onLink)
		for _, h := range table.All() {
			for _, n := range h.Names {
				if len(n.Name) > maxText {
					t.Fatalf("%d bytes", len(n.Name))
				}
			}
		}
	})
}
