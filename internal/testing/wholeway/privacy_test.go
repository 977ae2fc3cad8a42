// SPDX-License-Identifier: Apache-2.0

//go:build cgo

package wholeway

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weirnet/weir/internal/ship/compress"
	"github.com/weirnet/weir/internal/testing/lab"
	"github.com/weirnet/weir/internal/testing/lab/wait"
	"github.com/weirnet/weir/internal/uplink"
)

// query is a DNS query for planted-name.example.
const query = "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x0cplanted-name\x07example\x00\x00\x01\x00\x01"

// TestPrivacy: what the settings hide is nowhere in what weir sends, spools and logs, or in what the sink keeps.
func TestPrivacy(t *testing.T) {
	s := newSystem(t)
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
	values = []string{"planted-name", s.host.Addr6.String()}
	for _, h := range []*lab.Host{s.sender, s.host} {
		link, err := h.Link("eth0")
		if err != nil {
			t.Fatal(err)
		}
		values = append(values, h.Addr4.String(), link.HardwareAddr.String())
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
