// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// read holds the parts of a flow record that these tests read.
type read struct {
	Client   struct{ IP, Port any }
	Server   struct{ IP, Port any }
	Protocol string
	Hostname string
	TLS      struct{ SNI string }
	HTTP     struct{ Host string }
	DNS      struct{ Query string }
	SSH      struct {
		Client string `json:"client_version"`
		Server string `json:"server_version"`
	}
}

func (r *read) ends() (client, server string) {
	return fmt.Sprint(r.Client.IP, " ", r.Client.Port), fmt.Sprint(r.Server.IP, " ", r.Server.Port)
}

// tsharkFields lists the compared fields.
var tsharkFields = []string{"tls.handshake.extensions_server_name", "http.host", "dns.qry.name", "ssh.protocol"}

// tshark lists, for each field, sender and receiver, the first value in a capture: another program's opinion.
func tshark(t *testing.T, file string) map[string]map[string]string {
	t.Helper()
	arguments := []string{"-n", "-r", file, "-Y", strings.Join(tsharkFields, " or "), "-T", "fields", "-E",
		"occurrence=f",
		"-e", "ip.src", "-e", "ipv6.src", "-e", "tcp.srcport", "-e", "udp.srcport",
		"-e", "ip.dst", "-e", "ipv6.dst", "-e", "tcp.dstport", "-e", "udp.dstport"}
	for _, f := range tsharkFields {
		arguments = append(arguments, "-e", f)
	}
	out, err := exec.Command("tshark", arguments...).Output()
	if err != nil {
		t.Fatalf("tshark is needed (scripts/setup test installs it): %v", err)
	}
	first := map[string]map[string]string{}
	for _, f := range tsharkFields {
		first[f] = map[string]string{}
	}
	for line := range strings.Lines(string(out)) {
		c := strings.Split(strings.TrimRight(line, "\n"), "\t")
		if len(c) != 8+len(tsharkFields) {
			t.Fatalf("tshark printed %q", line)
		}
		key := c[0] + address(t, c[1]) + " " + c[2] + c[3] + " > " + c[4] + address(t, c[5]) + " " + c[6] + c[7]
		for i, f := range tsharkFields {
			if _, ok := first[f][key]; !ok && c[8+i] != "" {
				first[f][key] = c[8+i]
			}
		}
	}
	return first
}

func address(t *testing.T, text string) string {
	if text == "" {
		return ""
	}
	a, err := netip.ParseAddr(text)
	if err != nil {
		t.Fatal(err)
	}
	return a.String()
}

// withoutPort cuts the port of a Host header, and the brackets of an IPv6 address in it.
func withoutPort(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return strings.Trim(host, "[]")
}

// TestAgainstTshark compares names that weir reads in the recordings with those of tshark.
func TestAgainstTshark(t *testing.T) {
	fields := []struct {
		name, field string
		value       func(*read) string
		fromServer  bool
	}{
		{"SNI", "tls.handshake.extensions_server_name", func(r *read) string { return r.TLS.SNI }, false},
		{"HTTP host", "http.host", func(r *read) string {
			if r.Protocol != "http" && r.Protocol != "websocket" {
				return ""
			}
			return r.Hostname
		}, false},
		{"DNS query", "dns.qry.name", func(r *read) string { return r.DNS.Query }, false},
		{"SSH client", "ssh.protocol", func(r *read) string { return r.SSH.Client }, false},
		{"SSH server", "ssh.protocol", func(r *read) string { return r.SSH.Server }, true},
	}
	compared := map[string]int{}
	for _, file := range captures(t) {
		records := map[string]*read{}
		for _, line := range bytes.Split(bytes.TrimSpace(replay(t, file, 1)), []byte("\n")) {
			r := new(read)
			if err := json.Unmarshal(line, r); err != nil {
				t.Fatal(err)
			}
			client, server := r.ends()
			records[client+" > "+server], records[server+" < "+client] = r, r
		}
		theirs := tshark(t, file)
		for _, f := range fields {
			for key, want := range theirs[f.field] {
				if f.fromServer {
					key = strings.Replace(key, " > ", " < ", 1)
				}
				r := records[key]
				if r == nil {
					continue // the other direction's, or another field's flow
				}
				got := f.value(r)
				if f.name == "HTTP host" {
					want = withoutPort(want)
				}
				if got == "" && f.name != "SNI" { // a protocol that carries this one inside
					continue
				}
				if !strings.EqualFold(got, want) {
					t.Errorf("%s: %s: %s is %q, tshark says %q", filepath.Base(file), key, f.name, got, want)
				}
				compared[f.name]++
			}
		}
	}
	for _, f := range fields {
		if compared[f.name] == 0 {
			t.Errorf("no %s was compared", f.name)
		}
	}
	t.Log("compared:", compared)
}
