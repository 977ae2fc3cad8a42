// SPDX-License-Identifier: Apache-2.0

package topology

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/testing/lab/wait"
)

func TestListFields(t *testing.T) {
	fd := newNamespace(t)
	ip(t, "link set lo up", "link add br0 type bridge",
		"link add p0 index 70 mtu 1400 address 02:00:00:00:00:0a type veth peer name p1",
		"link set p0 master br0", "link set p0 up", "link set p1 up", "tuntap add dev tun0 mode tun",
		"link add link p1 name mv type macvlan mode bridge")
	var links Links
	wait.Until(t, "p0 has its carrier", func() (up bool) {
		// the kernel's link watch reports it after ip's command ends
		var err error
		if links, err = list(fd); err != nil {
			t.Fatal(err)
		}
		a, _ := links.Named("p0")
		return a.Up
	})
	br, _ := links.Named("br0")
	b, _ := links.Named("p1")
	a, _ := links.Named("p0")
	want := Link{Index: 70, Name: "p0", Kind: "veth", Type: unix.ARPHRD_ETHER, Up: true, Master: br.Index, MTU: 1400,
		MAC: []byte{2, 0, 0, 0, 0, 10}}
	if !a.Equal(want) {
		t.Errorf("veth: %+v, want %+v", a, want)
	}
	if !br.IsBridge || br.Kind != "bridge" || br.Up {
		t.Errorf("bridge: %+v", br)
	}
	if lo, _ := links.Named("lo"); !lo.Loopback || !lo.Up || lo.Index != 1 || lo.Type != unix.ARPHRD_LOOPBACK {
		t.Errorf("loopback: %+v", lo)
	}
	if tun, _ := links.Named("tun0"); tun.Kind != "tun" || tun.Type != unix.ARPHRD_NONE || len(tun.MAC) != 0 {
		t.Errorf("tun: %+v", tun)
	}
	if mv, _ := links.Named("mv"); mv.Kind != "macvlan" || mv.Parent != b.Index {
		t.Errorf("macvlan: %+v", mv)
	}
}

// TestListMatchesIP compares List with the output of ip.
func TestListMatchesIP(t *testing.T) {
	fd := newNamespace(t)
	ip(t, "link add p0 type veth peer name p1", "link set p0 up", "link add br0 type bridge")
	links, err := list(fd)
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("ip", "-o", "link").Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) != len(links) {
		t.Fatalf("%d links, ip has %d", len(links), len(lines))
	}
	for i, l := range links.Sorted() {
		if !strings.HasPrefix(lines[i], fmt.Sprintf("%d: %s", l.Index, l.Name)) ||
			!strings.Contains(lines[i], fmt.Sprintf(" mtu %d ", l.MTU)) || !strings.Contains(lines[i], l.MAC.String()) {
			t.Errorf("%+v, ip says %s", l, lines[i])
		}
	}
}
