// SPDX-License-Identifier: Apache-2.0

package mqtt

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weirnet/weir/internal/export"
	"github.com/weirnet/weir/internal/export/exporttest"
	"github.com/weirnet/weir/internal/ship/sinktest"
	"github.com/weirnet/weir/internal/testing/lab/wait"
)

func open(t *testing.T, url string, files map[string][]byte) export.Output {
	t.Helper()
	return exporttest.Open(t, Kind, url, files)
}

func records(n int) (all []*export.Record) {
	for i := range n {
		r := &export.Record{Type: "flow", Line: fmt.Appendf(nil, `{"n":%d}`, i)}
		if i%2 == 1 {
			r.Type = "dns"
		}
		all = append(all, r)
	}
	return all
}

// check reports what differs from the records that were sent: with exactly, also messages that came twice.
func check(t *testing.T, in *inbox, topic string, n int, exactly bool) {
	t.Helper()
	for i, r := range records(n) {
		topic, line := strings.ReplaceAll(topic, "{type}", r.Type), string(r.Line)
		wait.Until(t, fmt.Sprintf("message %d of %d arrives", i, n), func() bool { return in.has(topic, line) })
	}
	got := 0
	for _, m := range in.all() {
		if strings.HasPrefix(m.payload, "{") {
			got++
		}
	}
	if exactly && got != n {
		t.Errorf("%d messages, not %d", got, n)
	}
}

func TestPublish(t *testing.T) {
	for _, qos := range []string{"0", "1"} {
		address, in := newMochi(t, 0)
		o := open(t, "mqtt://"+address+"/net/{type}/a?qos="+qos, nil)
		for range 2 {
			if err := o.Write(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
		}
		if err := o.Write(t.Context(), records(500)); err != nil {
			t.Fatal(err)
		}
		check(t, in, "net/{type}/a", 500, true)
	}
}

// TestStatus: the broker has retained what weir is, and says offline when weir goes without a farewell.
func TestStatus(t *testing.T) {
	address, in := newMochi(t, 0)
	url := "mqtt://" + address + "?status=weir/status&retain=true&client_id=attic"
	o := open(t, url, nil).(*output)
	if err := o.Write(t.Context(), records(1)); err != nil {
		t.Fatal(err)
	}
	wait.Until(t, "weir is online", func() bool { return in.has("weir/status", "online") })
	check(t, in, "weir/{type}", 1, true)
	_ = o.conn.Close()
	wait.Until(t, "weir is offline", func() bool { return in.has("weir/status", "offline") })

	wait.Until(t, "there is a new connection", func() bool { return o.Write(t.Context(), records(1)) == nil })
	before := len(in.all())
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	wait.Until(t, "weir says farewell", func() bool {
		all := in.all()
		return len(all) > before && all[len(all)-1].payload == "offline" && all[len(all)-1].isRetained
	})
}

// TestTooLarge: a record that the broker refuses is given up after some attempts; those around it arrive.
func TestTooLarge(t *testing.T) {
	address, in := newMochi(t, 1000)
	o := open(t, "mqtt://"+address, nil)
	rest := records(9)
	rest[4].Line = []byte(`"` + strings.Repeat("x", 5000) + `"`)
	lost := 0
	for attempts := 0; len(rest) > 0; attempts++ {
		if attempts > 3*maxRefused {
			t.Fatalf("%d records are left after %d attempts", len(rest), attempts)
		}
		err := o.Write(t.Context(), rest)
		var retry *export.RetryError
		if err == nil {
			break
		} else if !errors.As(err, &retry) {
			t.Fatal(err)
		}
		rest, lost = rest[retry.Done:], lost+retry.Lost
	}
	if lost != 1 {
		t.Errorf("%d records are lost, not the large one", lost)
	}
	for i, r := range records(9) {
		if i != 4 {
			wait.Until(t, fmt.Sprintf("message %d arrives", i), func() bool {
				return in.has("weir/"+r.Type, string(r.Line))
			})
		}
	}
}

// TestSilentBroker: a broker that says nothing, or stops in the middle, holds Write no longer than its context.
func TestSilentBroker(t *testing.T) {
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	for _, answer := range []string{"", "\x20\x02\x00\x00"} { // nothing; CONNACK
		o := open(t, "mqtt://"+server.Addr().String(), nil)
		ctx, cancel := context.WithCancel(t.Context())
		accepted := make(chan net.Conn, 1)
		go func() {
			c, err := server.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte(answer))
			b := make([]byte, 1)
			_, _ = c.Read(b) // of CONNECT
			accepted <- c
			cancel()
		}()
		var retry *export.RetryError
		if err := o.Write(ctx, records(100)); !errors.As(err, &retry) || retry.Done != 0 || retry.Lost != 0 {
			t.Errorf("after the answer %q: error %v", answer, err)
		}
		(<-accepted).Close()
	}
}

// TestMosquitto: Debian's broker takes the records, also after it has started anew.
func TestMosquitto(t *testing.T) {
	m := newMosquitto(t, "allow_anonymous true")
	o := open(t, "mqtt://"+m.address(), nil)
	in := m.subscribe("", "")
	if err := o.Write(t.Context(), records(400)); err != nil {
		t.Fatal(err)
	}
	check(t, in, "weir/{type}", 400, true)

	m.stop()
	var retry *export.RetryError
	if err := o.Write(t.Context(), records(3)); !errors.As(err, &retry) || retry.Done != 0 {
		t.Errorf("without a broker: error %v", err)
	}
	m.start()
	again := m.subscribe("", "")
	wait.Until(t, "mosquitto takes records again", func() bool { return o.Write(t.Context(), records(40)) == nil })
	check(t, again, "weir/{type}", 40, false)
}

// TestPassword: the password comes from a file; a wrong one is an error that says so.
func TestPassword(t *testing.T) {
	file := filepath.Join(t.TempDir(), "passwords")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mosquitto_passwd", "-b", file, "weir", "secret").CombinedOutput(); err != nil {
		t.Fatalf("mosquitto_passwd: %v\n%s", err, out)
	}
	m := newMosquitto(t, "allow_anonymous false", "password_file "+file)
	url := "mqtt://weir@" + m.address() + "?password_file=/secret"
	right := map[string][]byte{"/secret": []byte("secret\n")}
	if err := open(t, url, right).Write(t.Context(), records(8)); err != nil {
		t.Fatal(err)
	}
	wrong := map[string][]byte{"/secret": []byte("secret2")}
	for name, files := range map[string]map[string][]byte{url: wrong, "mqtt://" + m.address(): nil} {
		err := open(t, name, files).Write(t.Context(), records(1))
		var retry *export.RetryError
		if !errors.As(err, &retry) || !strings.Contains(err.Error(), "not Authorized") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// TestTLS: the broker's certificate is verified, by the authority that is named.
func TestTLS(t *testing.T) {
	issuer := sinktest.NewAuthority(t)
	m := newMosquitto(t, identity(t, issuer)...)
	url := "mqtts://" + m.address() + "?ca=/ca.pem"
	if err := open(t, url, map[string][]byte{"/ca.pem": issuer.PEM()}).Write(t.Context(), records(20)); err != nil {
		t.Fatal(err)
	}
	for name, files := range map[string]map[string][]byte{
		url: {"/ca.pem": sinktest.NewAuthority(t).PEM()}, strings.TrimSuffix(url, "?ca=/ca.pem"): nil} {
		var unknown *tls.CertificateVerificationError
		if err := open(t, name, files).Write(t.Context(), records(1)); !errors.As(err, &unknown) {
			t.Errorf("%s, with an authority that did not sign: error %v", name, err)
		}
	}
}

func TestParse(t *testing.T) {
	exporttest.Refuses(t, Kind, map[string]string{
		"mqtt://":                              "host is missing",
		"mqtt://h:x":                           "port",
		"mqtt://h/a/%23":                       "without + and #",
		"mqtt://h/a/+/b":                       "without + and #",
		"mqtt://h/{device}":                    "only {type} may be",
		"mqtt://h/a%00b":                       "control characters",
		"mqtt://h/" + strings.Repeat("x", 513): "512 bytes",
		"mqtt://h?status=%23":                  "status=#",
		"mqtt://h?qos=2":                       "qos=2",
		"mqtt://h?client_id=":                  "client_id=",
		"mqtt://u:p@h":                         "password_file=/PATH",
		"mqtt://h?password_file=/x":            "needs a user",
		"mqtt://h?ca=/x":                       "are for TLS",
		"mqtts://h?key=/x":                     "belong together",
		"mqtts://h?insecure=true":              `no parameter "insecure"`,
		"mqtt+ws://h":                          "must begin with mqtt://",
	})
}

// FuzzParse: no URL of a user makes a topic that a broker would have to refuse.
func FuzzParse(f *testing.F) {
	for _, url := range []string{Kind.Example, "mqtt://h", "mqtt://[::1]:1/a/{type}?qos=0&retain=true",
		"mqtts://u@h?password_file=/p&status=a/b&client_id=x&ca=/c&certificate=/c&key=/k"} {
		f.Add(url)
	}
	f.Fuzz(func(t *testing.T, url string) {
		p, err := export.NewPlan([]*export.Kind{Kind}, []string{url})
		if err != nil {
			return
		}
		files := map[string][]byte{}
		for _, name := range p.Files {
			files[name] = nil
		}
		made, err := p.Targets[0].Made.Open(&export.Environment{Files: files})
		if err != nil {
			return // without a certificate
		}
		o := made.(*output)
		for _, topic := range []string{strings.ReplaceAll(o.topic, typePlace, "flow"), o.status} {
			if topic != "" && checkTopic(topic) != nil || strings.ContainsAny(topic, "+#\x00") {
				t.Errorf("%q: topic %q", url, topic)
			}
		}
	})
}
