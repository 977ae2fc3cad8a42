// SPDX-License-Identifier: Apache-2.0

package syslog

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/weirnet/weir/internal/export"
	"github.com/weirnet/weir/internal/export/exporttest"
	"github.com/weirnet/weir/internal/ship/sinktest"
	"github.com/weirnet/weir/internal/testing/lab"
	"github.com/weirnet/weir/internal/testing/lab/wait"
)

func open(t *testing.T, url string, files map[string][]byte) export.Output {
	t.Helper()
	return exporttest.Open(t, Kind, url, files)
}

func records(n int) (all []*export.Record) {
	for i := range n {
		all = append(all, &export.Record{Type: "flow", Line: fmt.Appendf(nil, `{"type":"flow","n":%d}`, i)})
	}
	return all
}

// message has the parts of RFC 5424's header that the tests look at.
var message = regexp.MustCompile(
	`^<(\d{1,3})>1 (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z) (\S{1,255}) weir (\d+) (flow|dns) - (@cee: )?(\{.*\})$`)

func check(t *testing.T, got string, priority string, n int) {
	t.Helper()
	parts := message.FindStringSubmatch(got)
	if parts == nil {
		t.Fatalf("no message of RFC 5424: %q", got)
	}
	if at, err := time.Parse(time.RFC3339Nano, parts[2]); err != nil || time.Since(at) > time.Hour {
		t.Errorf("its time is %s", parts[2])
	}
	if want := fmt.Sprintf(`{"type":"flow","n":%d}`, n); parts[1] != priority || parts[7] != want {
		t.Errorf("priority %s, message %s; not %s, %s", parts[1], parts[7], priority, want)
	}
}

// frame reads a message with its length before it (RFC 6587, section 3.4.1).
func frame(in *bufio.Reader) (string, error) {
	length, err := in.ReadString(' ')
	if err != nil {
		return "", err
	}
	n, err := strconv.Atoi(strings.TrimSuffix(length, " "))
	if err != nil || length[0] == '0' {
		return "", fmt.Errorf("length %q", length)
	}
	text := make([]byte, n)
	_, err = io.ReadFull(in, text)
	return string(text), err
}

func TestUDP(t *testing.T) {
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	o := open(t, "syslog+udp://"+server.LocalAddr().String()+"?cee=true", nil)
	if err := o.Write(t.Context(), records(3)); err != nil {
		t.Fatal(err)
	}
	large := append(records(1), &export.Record{Type: "dns", Line: []byte(`{"x":"` + strings.Repeat("x", 70000) + `"}`)})
	large = append(large, records(1)...)
	var lost *export.LostError
	if err := o.Write(t.Context(), large); !errors.As(err, &lost) || lost.Lost != 1 {
		t.Errorf("a record of 70,000 bytes: error %v", err)
	}
	_ = server.SetReadDeadline(time.Now().Add(30 * time.Second))
	for _, n := range []int{0, 1, 2, 0, 0} {
		b := make([]byte, 2048)
		size, _, err := server.ReadFrom(b)
		if err != nil {
			t.Fatal(err)
		}
		check(t, string(b[:size]), "30", n)
	}
}

// TestTCP: messages have their length before them; after the peer has closed the connection, a new one is made.
func TestTCP(t *testing.T) {
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	o := open(t, "syslog+tcp://"+server.Addr().String()+"?facility=local7", nil)
	for round := range 2 {
		write := make(chan error, 1)
		go func() { write <- o.Write(t.Context(), records(50)) }()
		c, err := server.Accept()
		if err != nil {
			t.Fatal(err)
		}
		in := bufio.NewReader(c)
		for i := range 50 {
			text, err := frame(in)
			if err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
			check(t, text, "190", i)
		}
		if err := <-write; err != nil {
			t.Error(err)
		}
		c.Close()
		wait.Until(t, "the output sees the peer go", func() bool { return !o.(*output).conn.IsOpen() })
	}
	server.Close()
	var retry *export.RetryError
	if err := o.Write(t.Context(), records(2)); !errors.As(err, &retry) || retry.Done != 0 {
		t.Errorf("without a peer: error %v", err)
	}
}

// TestStalledPeer: a peer that reads nothing holds Write no longer than its context.
func TestStalledPeer(t *testing.T) {
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	o := open(t, "syslog+tcp://"+server.Addr().String(), nil)
	line := []byte(`{"x":"` + strings.Repeat("x", 1<<20) + `"}`)
	var many []*export.Record
	for range 32 { // more than the sockets' buffers take
		many = append(many, &export.Record{Type: "dns", Line: line})
	}
	ctx, cancel := context.WithCancel(t.Context())
	accepted := make(chan net.Conn, 1)
	go func() {
		if c, err := server.Accept(); err == nil {
			accepted <- c
			cancel()
		}
	}()
	var retry *export.RetryError
	if err := o.Write(ctx, many); !errors.As(err, &retry) || retry.Done == len(many) {
		t.Errorf("error %v", err)
	}
	(<-accepted).Close()
}

// TestTLS: the peer's certificate is verified, by the authority that is named.
func TestTLS(t *testing.T) {
	issuer := sinktest.NewAuthority(t)
	pair, authority, other := issuer.Sign(t, "127.0.0.1"), issuer.PEM(), sinktest.NewAuthority(t).PEM()
	server, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	got := make(chan string, 1)
	go func() {
		for {
			c, err := server.Accept()
			if err != nil {
				return
			}
			if text, err := frame(bufio.NewReader(c)); err == nil {
				got <- text
			}
		}
	}()
	url := "syslog+tls://" + server.Addr().String() + "?ca=/ca.pem"
	if err := open(t, url, map[string][]byte{"/ca.pem": authority}).Write(t.Context(), records(1)); err != nil {
		t.Fatal(err)
	}
	check(t, <-got, "30", 0)
	for name, files := range map[string]map[string][]byte{url: {"/ca.pem": other},
		strings.TrimSuffix(url, "?ca=/ca.pem"): nil} {
		var unknown *tls.CertificateVerificationError
		if err := open(t, name, files).Write(t.Context(), records(1)); !errors.As(err, &unknown) {
			t.Errorf("%s, with an authority that did not sign: error %v", name, err)
		}
	}
}

func TestParse(t *testing.T) {
	exporttest.Refuses(t, Kind, map[string]string{
		"syslog+udp://":                                  "host is missing",
		"syslog+udp://h:x":                               "port",
		"syslog+udp://h/path":                            "neither path",
		"syslog+udp://u@h":                               "neither path nor user",
		"syslog+udp://h?facility=local8":                 "facility=local8",
		"syslog+udp://h?ca=/x":                           "are for TLS",
		"syslog+tls://h?key=/x":                          "belong together",
		"syslog+tls://h?ca=x":                            "whole path",
		"syslog+tls://h?insecure=true":                   `no parameter "insecure"`,
		"syslog://h":                                     "must begin with syslog+udp://",
		"syslog+tls://h?certificate=/a&key=/b&types=all": "types=all",
	})
}

// TestRsyslog: Debian's rsyslog reads the messages as they are meant.
func TestRsyslog(t *testing.T) {
	rsyslogd, err := exec.LookPath("rsyslogd")
	if err != nil {
		if rsyslogd = "/usr/sbin/rsyslogd"; !exists(rsyslogd) {
			lab.Lacks(t, "rsyslogd is missing")
		}
	}
	folder := t.TempDir()
	config, out, port := filepath.Join(folder, "conf"), filepath.Join(folder, "out"), filepath.Join(folder, "port")
	text := fmt.Sprintf(`global(workDirectory=%q)
module(load="imtcp")
input(type="imtcp" port="0" address="127.0.0.1" listenPortFileName=%q)
template(name="parts" type="string" string="%%syslogfacility-text%%|%%app-name%%|%%msgid%%|%%msg%%\n")
action(type="omfile" file=%q template="parts")
`, folder, port, out)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c := exec.Command(rsyslogd, "-n", "-f", config, "-i", filepath.Join(folder, "pid"))
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	}()
	number := ""
	wait.Until(t, "rsyslogd listens", func() bool {
		b, _ := os.ReadFile(port)
		number = strings.TrimSpace(string(b))
		return number != ""
	})
	o := open(t, "syslog+tcp://127.0.0.1:"+number+"?facility=local3", nil)
	wait.Until(t, "rsyslogd takes messages", func() bool { return o.Write(t.Context(), records(20)) == nil })
	var got []byte
	wait.Until(t, "rsyslogd has written them", func() bool {
		got, _ = os.ReadFile(out)
		return strings.Count(string(got), "\n") >= 20
	})
	for i, line := range strings.Split(strings.TrimSpace(string(got)), "\n") {
		want := fmt.Sprintf(`local3|weir|flow|{"type":"flow","n":%d}`, i)
		if strings.ReplaceAll(line, "| {", "|{") != want {
			t.Errorf("got %q, not %q", line, want)
		}
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
