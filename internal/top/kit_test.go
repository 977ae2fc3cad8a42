// SPDX-License-Identifier: Apache-2.0

package top

import (
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/weirnet/weir/internal/record"
)

var update = flag.Bool("update", false, "write the expected screens anew")

// rig drives a view and its model without a terminal, on its own clock.
type rig struct {
	*testing.T
	view  *View
	model *model
	now   time.Time
	sum   Summary
	sends func(*record.Flow) error // takes the records
}

func newRig(t *testing.T, width, height int, o Options) *rig {
	t.Helper()
	o.NoColor, o.Environ = true, []string{"TERM=xterm", "LANG=C.UTF-8"}
	v := newView(o)
	r := &rig{T: t, view: v, model: newModel(width, height, v.style, v), now: time.Unix(1_700_000_000, 0)}
	r.sends = v.Flow
	r.sum = Summary{Mode: "ebpf", Interfaces: []string{"eth0", "wlan0"}}
	return r
}

// flow feeds a record of flow number n; bytes are what the client and the server have sent so far.
func (r *rig) flow(n int, state record.State, up, down uint64, change func(*record.Flow)) {
	f := record.Flow{
		State: state, Proto: 6, Protocol: "tls", Method: record.MethodDPI, FirstSeen: r.now.UnixNano(),
		LastSeen: r.now.UnixNano(),
		Client: record.Endpoint{Addr: netip.MustParseAddrPort(fmt.Sprintf("192.0.2.%d:%d", n%4+1, 40000+n%20000)),
			Bytes: up, Packets: up / 100, Side: record.SideLAN, MAC: [6]byte{2, 0, 0, 0, 0, byte(n%4 + 1)}},
		Server: record.Endpoint{Addr: netip.MustParseAddrPort("198.51.100.7:443"), Bytes: down, Packets: down / 1000,
			Side: record.SideWAN},
		Direction: record.DirectionOutbound,
	}
	copy(f.ID[:], fmt.Sprintf("%032x", n))
	if change != nil {
		change(&f)
	}
	if err := r.sends(&f); err != nil {
		r.Fatal(err)
	}
}

func (r *rig) tick() {
	r.now = r.now.Add(time.Second)
	r.view.Tick(r.now, r.sum)
	screen{r.model, r.view}.Update(ticked{})
}

// keys presses keys: single characters, and names in angle brackets.
func (r *rig) keys(keys string) {
	for keys != "" {
		name, text := keys[:1], keys[:1]
		if n := strings.IndexByte(keys, '>'); name == "<" && n > 0 {
			name, text = keys[1:n], ""
			keys = keys[n:]
		}
		keys = keys[1:]
		r.model.key(name, text)
	}
}

// drawn are the runes that only the screen itself draws.
var drawn = strings.Join(blocks, "") + strings.Join(parts, "")

// lines returns the screen, after checks that every screen has to pass.
func (r *rig) lines() []string {
	r.Helper()
	lines := r.model.render()
	if len(lines) > r.model.height {
		r.Errorf("%d lines in a window of %d", len(lines), r.model.height)
	}
	for _, line := range lines {
		if n := ansi.StringWidth(line); n > r.model.width || n != widthOf(line) {
			r.Errorf("%d columns, %d as counted, in a window of %d: %q", n, widthOf(line), r.model.width, line)
		}
		for _, c := range line {
			if !isShown(c) && !strings.ContainsRune(drawn, c) {
				r.Fatalf("rune %#x on the screen: %q", c, line)
			}
		}
	}
	return lines
}

func (r *rig) text() string { return strings.Join(r.lines(), "\n") + "\n" }

// golden compares the screen with testdata/name.txt.
func (r *rig) golden(name string) {
	r.Helper()
	file, got := filepath.Join("testdata", name+".txt"), r.text()
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			r.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			r.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		r.Fatal(err)
	}
	if got != string(want) {
		r.Errorf("%s: the screen is\n%s\nwant\n%s", file, got, want)
	}
}

// household feeds some seconds of traffic of four hosts.
func (r *rig) household() {
	r.view.SetDevices([]Device{
		{MAC: "02:00:00:00:00:01", Names: []string{"laptop"}, Vendor: "Example Inc.", Addresses: []netip.Addr{
			netip.MustParseAddr("fe80::1"), netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("192.0.2.1")}},
		{MAC: "02:00:00:00:00:02", Names: []string{"Küche 客厅"}, Addresses: []netip.Addr{
			netip.MustParseAddr("192.0.2.2")}},
	})
	apps := []struct {
		app        string
		method     record.ApplicationMethod
		protocol   string
		host       string
		hostMethod record.HostnameMethod
	}{
		{"youtube", record.ByHost, "quic", "rr3---sn-4g5e6nsz.googlevideo.com", 0},
		{"netflix", record.ByDNS, "tls", "ipv4-c001-fra001-ix.1.oca.nflxvideo.net", record.HostnameByDNS},
		{"", 0, "ssh", "", 0},
		{"", 0, "dns", "", 0},
		{"whatsapp", record.ByAddress, "noise", "", 0},
		{"", 0, "", "", 0},
	}
	for second := uint64(1); second <= 6; second++ {
		for n := range 12 {
			a := apps[n%len(apps)]
			state := record.StateUpdate
			if second == 1 {
				state = record.StateNew
			} else if n == 11 && second == 6 {
				state = record.StateEnd
			}
			step := uint64(n+1) * 10_000
			r.flow(n, state, step*second, 20*step*second, func(f *record.Flow) {
				f.Application, f.ApplicationMethod, f.Protocol = a.app, a.method, a.protocol
				f.Hostname, f.HostnameMethod = []byte(a.host), a.hostMethod
				if a.protocol == "dns" {
					f.Method = record.MethodPort
				}
			})
			r.sum.Bytes += 21 * step
			r.sum.Packets += step / 100
		}
		r.tick()
	}
}
