// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

func builtin(t testing.TB) *Catalog {
	t.Helper()
	c, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func hostID(c *Catalog, host string) string {
	if app, ok := c.ByHost([]byte(host)); ok {
		return app.ID
	}
	return ""
}

func TestByCertificate(t *testing.T) {
	c := builtin(t)
	for _, test := range []struct{ situation, name, want string }{
		{"organisation as its certificate writes it", "Netflix, Inc.", "netflix"},
		{"organisation, other case", "GOOGLE LLC", "google"},
		{"host name", "teams.microsoft.com", "microsoft-teams"},
		{"wildcard", "*.whatsapp.net", "whatsapp"},
		{"wildcard in upper case", "*.Facebook.COM", "facebook"},
		{"self-signed by a program", "AnyDesk Client", "anydesk"},
		{"wildcard alone", "*.", ""},
		{"nobody's", "Example Widgets Ltd", ""},
		{"empty", "", ""},
		{"longer than a name may be", strings.Repeat("a", 300), ""},
	} {
		got := ""
		if app, ok := c.ByCertificate([]byte(test.name)); ok {
			got = app.ID
		}
		if got != test.want {
			t.Errorf("%s: %q is %q, want %q", test.situation, test.name, got, test.want)
		}
	}
}

// TestEntries: explanations name the entry through which the application was found.
func TestEntries(t *testing.T) {
	c := builtin(t)
	for host, want := range map[string]string{
		"www.facebook.com": "facebook.com", "facebook.com": "facebook.com", "notfacebook.com": "",
		"www.example.com": "", "": "", ".": "",
	} {
		if got, ok := c.HostEntry([]byte(host)); got != want || ok != (want != "") {
			t.Errorf("%q: %q, %v", host, got, ok)
		}
	}
	for i := range c.applications {
		app := &c.applications[i]
		for _, name := range app.Exact {
			if found, ok := c.ByHost([]byte(name)); ok && found == app {
				if got, _ := c.HostEntry([]byte(name)); got != name {
					t.Errorf("%s: %q", name, got)
				}
			}
		}
		for _, name := range app.Domains {
			if got, _ := c.HostEntry([]byte("x." + name)); got != name {
				t.Errorf("x.%s: %q", name, got)
			}
		}
	}
	for addr, want := range map[string]string{"8.8.8.8": "8.8.8.0/24", "192.0.2.1": ""} {
		block, ok := c.AddressEntry(netip.MustParseAddr(addr))
		if ok != (want != "") || ok && (!block.Contains(netip.MustParseAddr(addr)) || block.Bits() < 24) {
			t.Errorf("%s: %v, %v", addr, block, ok)
		}
	}
	if _, ok := c.AddressEntry(netip.Addr{}); ok {
		t.Error("no address has an entry")
	}
}

func TestByAddress(t *testing.T) {
	c := builtin(t)
	for _, test := range []struct{ situation, addr, app, network string }{
		{"own network", "149.154.167.51", "telegram", ""},
		{"own network, IPv6", "2a03:2880:f12f:83:face:b00c:0:25de", "facebook", ""},
		{"own network, IPv4 in IPv6", "::ffff:149.154.167.51", "telegram", ""},
		{"Netflix's own caches", "45.57.3.1", "netflix", ""},
		{"Apple", "17.253.144.10", "apple", ""},
		{"Steam", "155.133.248.10", "steam", ""},
		{"block within another application's", "8.8.8.8", "google-dns", ""},
		{"larger block around it", "142.250.185.78", "google", ""},
		{"resolver inside a CDN's block", "2606:4700:4700::1111", "cloudflare-dns", ""},
		{"CDN names nothing", "104.16.132.229", "", "cloudflare"},
		{"cloud names nothing", "52.95.110.1", "", "azure|amazon-aws"},
		{"rented machine", "167.99.1.1", "", "digitalocean"},
		{"documentation", "192.0.2.1", "", ""},
		{"private", "192.168.1.1", "", ""},
		{"none", "", "", ""},
	} {
		addr, _ := netip.ParseAddr(test.addr)
		app, id := "", ""
		if a, ok := c.ByAddress(addr); ok {
			app = a.ID
		}
		id, _ = c.Network(addr)
		if app != test.app || !strings.Contains("|"+test.network+"|", "|"+id+"|") {
			t.Errorf("%s: %s is application %q of network %q, want %q, %q", test.situation, test.addr, app, id,
				test.app, test.network)
		}
	}
}

func TestNoCloudOrCDNNamesAnApplicationByAddress(t *testing.T) {
	c := builtin(t)
	blocks := 0
	for _, app := range c.Applications() {
		for _, prefix := range app.Networks {
			if app.Kind == KindApplication {
				continue
			}
			blocks++
			if got, ok := c.ByAddress(prefix.Addr()); ok && got.ID == app.ID {
				t.Errorf("%s of %s named an application", prefix, app.ID)
			}
		}
	}
	if blocks == 0 {
		t.Error("no block of a cloud or CDN to try")
	}
}

func TestLookup(t *testing.T) {
	c := builtin(t)
	if app, ok := c.Lookup("netflix"); !ok || app.Name != "Netflix" || app.Category != "video-streaming" {
		t.Errorf("Lookup(netflix) = %+v, %v", app, ok)
	}
	if _, ok := c.Lookup("no-such-application"); ok {
		t.Error("an unknown id was found")
	}
}

func writeFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "own.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestUserFiles(t *testing.T) {
	first := writeFile(t, `
categories:
  - {id: factory, name: Factory, meaning: "What our machines do"}
applications:
  - id: our-erp
    name: Our ERP
    category: factory
    domains: [erp.example.com, lan]
    exact: [www.example.com]
    certificates: [example widgets ltd]
    networks: [192.0.2.0/24, 45.57.3.0/24]
  - id: netflix
    domains: [netflix.example]
  - id: spotify
    category: factory
    domains: [nflxvideo.net]
  - id: tidal
    replace: true
    domains: [tidal.example]
`)
	second := writeFile(t, `
applications:
  - id: other
    category: web
    domains: [erp.example.com]
`)
	c, err := Load(first, second)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ situation, host, want string }{
		{"a new application, moved on by the later file", "x.erp.example.com", "other"},
		{"a suffix of one label", "printer.lan", "our-erp"},
		{"exact name", "www.example.com", "our-erp"},
		{"below an exact name", "a.www.example.com", ""},
		{"added to a known application", "a.netflix.example", "netflix"},
		{"what it had stays", "www.netflix.com", "netflix"},
		{"taken from a known application", "ipv4.nflxvideo.net", "spotify"},
		{"replaced: the new name", "tidal.example", "tidal"},
		{"replaced: the old name", "www.tidal.com", ""},
		{"untouched", "www.facebook.com", "facebook"},
	} {
		if got := hostID(c, test.host); got != test.want {
			t.Errorf("%s: %s is %q, want %q", test.situation, test.host, got, test.want)
		}
	}
	if app, _ := c.Lookup("spotify"); app.Category != "factory" || app.Name != "Spotify" {
		t.Errorf("spotify is %q in %q, want its name kept and its category changed", app.Name, app.Category)
	}
	if app, ok := c.ByAddress(netip.MustParseAddr("45.57.3.9")); !ok || app.ID != "our-erp" {
		t.Error("a smaller block of the user's did not win")
	}
	if app, ok := c.ByCertificate([]byte("Example Widgets Ltd")); !ok || app.ID != "our-erp" {
		t.Error("the user's certificate name is not known")
	}
	if c := builtin(t); hostID(c, "ipv4.nflxvideo.net") != "netflix" || hostID(c, "netflix.example") != "" {
		t.Error("a user's file changed the embedded catalog")
	}
}

func TestLoadErrors(t *testing.T) {
	if _, err := Load("no/such/file.yaml"); err == nil {
		t.Error("no error for a missing file")
	}
	path := writeFile(t, "applications:\n  - id: x\n    category: web\n    domains: [UPPER.example]\n    networks: "+
		"[10.0.0.1/8]\n")
	_, err := Load(path)
	if err == nil || !strings.Contains(err.Error(), path+":4: ") || !strings.Contains(err.Error(), path+":5: ") {
		t.Errorf("Load = %v, want both faults with file and line", err)
	}
}

func TestConcurrentReads(t *testing.T) {
	c := builtin(t)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 1000 {
				if hostID(c, "www.netflix.com") != "netflix" {
					t.Error("lost netflix")
				}
				c.ByAddress(netip.MustParseAddr("17.0.0.1"))
			}
		})
	}
	group.Wait()
}

func TestLookupsDoNotAllocate(t *testing.T) {
	c := builtin(t)
	hit, miss, long := []byte("ipv4-c001-fra001-ix.1.oca.nflxvideo.net"), []byte("www.example.org"),
		[]byte(strings.Repeat("a.", 126)+"a")
	organisation := []byte("Netflix, Inc.")
	addr := netip.MustParseAddr("45.57.3.1")
	if n := testing.AllocsPerRun(1000, func() {
		c.ByHost(hit)
		c.ByHost(miss)
		c.ByHost(long)
		c.ByCertificate(organisation)
		c.ByCertificate(hit)
		c.ByAddress(addr)
		c.Network(addr)
	}); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

// Start-up budget: an agent on a gateway parses the embedded catalog in little time and memory.
const (
	maxStart = 100 * time.Millisecond // 30 ms is the aim; the rest is for busy and slow machines
	maxHeap  = 5 << 20
)

func TestStartUpBudget(t *testing.T) {
	var before, after runtime.MemStats
	best := time.Hour
	var c *Catalog
	for range 5 {
		c = nil
		runtime.GC()
		runtime.ReadMemStats(&before)
		began := time.Now()
		c = builtin(t)
		best = min(best, time.Since(began))
		runtime.GC()
		runtime.ReadMemStats(&after)
	}
	heap := int64(after.HeapAlloc) - int64(before.HeapAlloc)
	runtime.KeepAlive(c)
	t.Logf("Builtin takes %v and %d KB", best, heap>>10)
	if best > maxStart || heap > maxHeap {
		t.Errorf("Builtin takes %v and %d bytes, want at most %v and %d", best, heap, maxStart, maxHeap)
	}
}

func TestParseCompactRefusesGarbage(t *testing.T) {
	for _, text := range []string{
		"x\n", "c\tone\n", "a\tid\tName\tcategory\t\ta.example\t\t\n", "a\tid\tName\tcategory\tplanet\t\t\t\t\n",
		"a\tid\tName\tcategory\t\t\t\t\tnot-a-prefix\n", "c\ta\tb\tc\td\te\tf\tg\th\ti\tj\n", "\n",
	} {
		if _, err := parseCompact(text); err == nil {
			t.Errorf("%q was accepted", text)
		}
	}
}

func FuzzByHost(f *testing.F) {
	c, err := Load()
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{"", ".", "www.netflix.com", "*.google.com", "\xff.\x00", strings.Repeat("a.", 127),
		"com", "netflix.com."} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, name []byte) {
		if app, ok := c.ByHost(name); ok {
			claimed := false
			for _, domain := range app.Domains {
				claimed = claimed || string(name) == domain || strings.HasSuffix(string(name), "."+domain)
			}
			for _, exact := range app.Exact {
				claimed = claimed || string(name) == exact
			}
			if !claimed {
				t.Errorf("%q is %s, which does not claim it", name, app.ID)
			}
		}
		c.ByCertificate(name)
	})
}

func BenchmarkByHost(b *testing.B) {
	c := builtin(b)
	hosts := [][]byte{
		[]byte("www.google.com"), []byte("ipv4-c001-fra001-ix.1.oca.nflxvideo.net"), []byte("www.example.org"),
		[]byte("graph.facebook.com"),
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		c.ByHost(hosts[i&3])
		i++
	}
}

func BenchmarkByAddress(b *testing.B) {
	c := builtin(b)
	addrs := []netip.Addr{
		netip.MustParseAddr("45.57.3.1"), netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("104.16.0.1"),
		netip.MustParseAddr("2a03:2880::1"),
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		c.ByAddress(addrs[i&3])
		i++
	}
}

func BenchmarkBuiltin(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Load(); err != nil {
			b.Fatal(err)
		}
	}
}
