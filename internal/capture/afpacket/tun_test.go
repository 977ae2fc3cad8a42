// SPDX-License-Identifier: Apache-2.0

package afpacket

import (
	"bytes"
	"fmt"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/testing/lab"
)

// TestTunnelInterface captures on an interface whose frames begin with the IP header, with two workers.
func TestTunnelInterface(t *testing.T) {
	namespace(t)
	tun, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		lab.Lacks(t, "open /dev/net/tun: "+err.Error())
	}
	defer unix.Close(tun)
	request, err := unix.NewIfreq("tun")
	if err != nil {
		t.Fatal(err)
	}
	request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(tun, unix.TUNSETIFF, request); err != nil {
		t.Fatal(err)
	}
	ip(t, "link set dev tun up")
	i := index(t, "tun")
	all := sources(t, Config{Interface: i, Workers: 2})
	sent := map[string]int{}
	send := sender(t, i)
	for n := range 40 {
		for _, p := range [][2]string{{fmt.Sprintf("192.0.2.%d", n+1), "198.51.100.7"},
			{fmt.Sprintf("2001:db8::%x", n+1), "2001:db8:1::7"}} {
			// The machine receives what is written to the device, and sends what leaves by it.
			in, out := frame(p[0], p[1], 9)[14:], frame(p[1], p[0], 9)[14:]
			sent[string(in)]++
			sent[string(out)]++
			if _, err := unix.Write(tun, in); err != nil {
				t.Fatal(err)
			}
			send(out)
		}
	}
	where, load := map[string]int{}, [2]int{}
	for worker, s := range all {
		for _, f := range drain(t, s) {
			if sent[string(f.Data)]--; f.Link != packet.LinkRaw || f.Interface != i || f.Length != len(f.Data) {
				t.Fatalf("%+v", f)
			}
			ethernet := append(make([]byte, 12), 8, 0)
			if f.Data[0]>>4 == 6 {
				ethernet = append(make([]byte, 12), 0x86, 0xdd)
			}
			key := pair(bytes.Join([][]byte{ethernet, f.Data}, nil))
			if w, ok := where[key]; ok && w != worker {
				t.Errorf("%s: in workers %d and %d", key, w, worker)
			}
			where[key] = worker
			load[worker]++
		}
	}
	for p, n := range sent {
		if n != 0 {
			t.Errorf("%x: %d captures are missing", p, n)
		}
	}
	if len(where) != 80 || min(load[0], load[1]) < 40 {
		t.Errorf("%d pairs of addresses, %v frames in the workers", len(where), load)
	}
}
