// SPDX-License-Identifier: Apache-2.0

//go:build cgo

package wholeway

import (
	"bytes"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/ship/compress"
	"github.com/weirnet/weir/internal/testing/lab"
	"github.com/weirnet/weir/internal/testing/lab/program"
	"github.com/weirnet/weir/internal/testing/lab/wait"
	"github.com/weirnet/weir/internal/uplink"
)

// query is a DNS query for planted-name.example.
const query = "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x0cplanted-name\x07example\x00\x00\x01\x00\x01"

// TestPrivacy: what the settings hide is nowhere in what weir sends, spools and logs, or in what the sink keeps.
func TestPrivacy(t *testing.T) {
	s := newSystem(t)
	if err := s.host.AddAddress("eth0", netip.MustParsePrefix("203.0.113.77/29")); err != nil {
		t.Fatal(err)
	}
	agent := s.watch("--addresses", "all", "--host-names", "off", "--mask-gateway", "--omit-field", "community_id")
	agent.Await("watching")
	ask(t, s)
	wait.Until(t, "weir reports a flow of DNS", func() bool { return strings.Contains(agent.Stdout.String(), `"dns"`) })
	s.known(uint64(strings.Count(agent.Stdout.String(), "\n")))
	if err := s.serving.Process.Process.Kill(); err != nil { // what follows stays in the spool
		t.Fatal(err)
	}
	wait.For(t, "the end of the sink", s.serving.Done())
	ask(t, s)
	end(agent)
	stored := spooled(t, filepath.Join(s.state(), "spool"))
	if !bytes.Contains(stored, []byte(`"type":"flow`)) {
		t.Error("no flow is in the spool")
	}
	if !bytes.Contains(stored, []byte(`"networks":["`)) {
		t.Error("no interface's network is in the spool")
	}
	places := map[string][]byte{"the reports": []byte(agent.Stdout.String()), "the log": []byte(agent.Said.String()),
		"the spool": stored, "the sink's log": []byte(s.serving.Said.String() + s.serving.Stdout.String())}
	for path, content := range files(t, s.data()) {
		places[path] = content
	}
	for _, value := range planted(t, s) {
		for place, content := range places {
			if bytes.Contains(bytes.ToLower(content), []byte(value)) {
				t.Errorf("%s: %s is in it", place, value)
			}
		}
	}
}

// TestOmittedDevice: a device of which only the MAC address is named is in no report with any of its addresses, also
// where its packets come with a router's MAC address.
func TestOmittedDevice(t *testing.T) {
	s := newSystem(t)
	sender, err := s.sender.Link("eth0")
	if err != nil {
		t.Fatal(err)
	}
	program.Sh(t, s.host, "ping -c 1 -W 30 "+s.sender.Addr4.String()+" && ping -c 1 -W 30 "+s.sender.Addr6.String())
	agent := s.watch("--omit-device", sender.HardwareAddr.String())
	agent.Await("watching")
	agent.Await("WAN: ")
	// A report comes after a dump of the kernel's neighbours.
	wait.Until(t, "weir has made two reports", func() bool { return strings.Count(agent.Stdout.String(), "\n") >= 2 })
	other := netip.MustParseAddr("192.0.2.77")
	host, err := s.host.Link("eth0")
	if err != nil {
		t.Fatal(err)
	}
	router := net.HardwareAddr{2, 0, 0, 0, 0x77, 1}
	frames := [][]byte{
		datagram(host.HardwareAddr, router, s.sender.Addr4, s.host.Addr4),
		datagram(host.HardwareAddr, router, s.sender.Addr6, s.host.Addr6),
		datagram(host.HardwareAddr, router, other, s.host.Addr4),
	}
	if _, err := s.sender.SendFrames(t.Context(), "eth0", frames, lab.Sending{}); err != nil {
		t.Fatal(err)
	}
	wait.Until(t, "weir reports the other flow", func() bool {
		return strings.Contains(agent.Stdout.String(), other.String())
	})
	end(agent)
	s.known(uint64(strings.Count(agent.Stdout.String(), "\n")))
	places := files(t, s.data())
	places["the reports"], places["the log"] = []byte(agent.Stdout.String()), []byte(agent.Said.String())
	places["the spool"] = spooled(t, filepath.Join(s.state(), "spool"))
	for _, value := range []string{s.sender.Addr4.String(), s.sender.Addr6.String(), sender.HardwareAddr.String()} {
		for place, content := range places {
			if bytes.Contains(bytes.ToLower(content), []byte(value+`"`)) {
				t.Errorf("%s: %s is in it", place, value)
			}
		}
	}
}

// datagram returns a frame with a UDP datagram without payload.
func datagram(to, from net.HardwareAddr, source, destination netip.Addr) []byte {
	b := slices.Concat(to, from)
	if source.Is4() {
		b = append(b, 8, 0, 0x45, 0, 0, 28, 0, 0, 0, 0, 64, unix.IPPROTO_UDP, 0, 0)
	} else {
		b = append(b, 0x86, 0xdd, 0x60, 0, 0, 0, 0, 8, unix.IPPROTO_UDP, 64)
	}
	b = slices.Concat(b, source.AsSlice(), destination.AsSlice())
	return append(b, 0x23, 0x28, 0x23, 0x28, 0, 8, 0, 0)
}

// ask sends queries, and something that nobody names.
func ask(t *testing.T, s *system) {
	t.Helper()
	err := s.sender.Do(func() error {
		for _, port := range []int{53, 9000} {
			c, err := net.DialUDP("udp4", nil, &net.UDPAddr{IP: s.host.Addr4.AsSlice(), Port: port})
			if err != nil {
				return err
			}
			defer c.Close()
			_, _ = c.Write([]byte(query)) // refused, for nobody listens
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// planted are the names and addresses of the traffic.
func planted(t *testing.T, s *system) (values []string) {
	t.Helper()
	values = []string{"planted-name", s.host.Addr6.String(), "203.0.113.72", // the network of AddAddress
		netip.PrefixFrom(s.host.Addr6, 64).Masked().Addr().String() + "/"}
	for _, h := range []*lab.Host{s.sender, s.host} {
		link, err := h.Link("eth0")
		if err != nil {
			t.Fatal(err)
		}
		values = append(values, h.Addr4.String(), link.HardwareAddr.String(),
			netip.PrefixFrom(h.Addr4, 24).Masked().Addr().String()+"/")
	}
	return values
}

// spooled returns the files of a spool, and its reports, decompressed.
func spooled(t *testing.T, folder string) (all []byte) {
	t.Helper()
	for _, content := range files(t, folder) {
		all = append(all, content...)
	}
	for _, r := range waiting(t, folder) {
		text, err := compress.Decompress(r.Body, r.Encoding, uplink.MaxReports)
		if err != nil {
			t.Error(err)
		}
		all = append(all, text...)
	}
	return all
}

// files reads all files below a folder.
func files(t *testing.T, folder string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	err := filepath.WalkDir(folder, func(path string, e os.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		all[path], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
