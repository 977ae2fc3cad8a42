// SPDX-License-Identifier: Apache-2.0

package stream

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	l, err := Parse("netifyd+unix:///run/x/../netifyd.sock?group=0&mode=0660&stats=15s&unknown=false&prefix=" +
		"&clients=3&where=port:443&status=1m")
	if err != nil {
		t.Fatal(err)
	}
	if !l.IsNetifyd || l.Network != "unix" || l.Address != "/run/netifyd.sock" || l.Mode != 0o660 || l.Group != 0 ||
		l.Netifyd.Stats != 15*time.Second || l.Netifyd.Unknown || l.Netifyd.Prefix != "" || l.Clients != 3 ||
		l.Where != "port:443" || l.Status != time.Minute || len(l.Files()) != 0 {
		t.Errorf("%+v", l)
	}
	l, err = Parse("tls://0.0.0.0?certificate=/c&key=/k&token_file=/t")
	if err != nil || !l.IsTLS || l.Address != "0.0.0.0:7150" || strings.Join(l.Files(), " ") != "/c /k /t" {
		t.Errorf("%+v, %v", l, err)
	}
	for _, text := range []string{"tcp://127.0.0.1:9", "tcp://[::1]:9", "tcp://localhost:9",
		"netifyd+tcp://127.0.0.1"} {
		if l, err := Parse(text); err != nil || l.Network != "tcp" || l.IsTLS {
			t.Errorf("%s: %+v, %v", text, l, err)
		}
	}
	l, err = Parse("unix:///s?users=root,12&group=root&mode=0660")
	if err != nil || l.Resolved() != "unix:///s?group=0&mode=0660&users=0%2C12" {
		t.Errorf("%v, %v", l, err)
	}
	again, err := Parse(l.Resolved())
	if err != nil || again.Resolved() != l.Resolved() {
		t.Errorf("%v, %v", again, err)
	}
}

// TestMistakes: each mistake is said in words that say what to write.
func TestMistakes(t *testing.T) {
	for text, want := range map[string]string{
		"":                                      "must begin with unix://",
		"http://127.0.0.1":                      "must begin with unix://",
		"tcp://192.0.2.1:7150":                  "without TLS weir listens at loopback addresses only",
		"tcp://0.0.0.0:7150":                    "use tls://0.0.0.0:7150?certificate=",
		"netifyd+tcp://[::]:7150":               "a proxy of your own",
		"tcp://router.lan:7150":                 "must have the address",
		"tcp://127.0.0.1:99999":                 "port",
		"tcp://127.0.0.1/x":                     "has a path",
		"tls://0.0.0.0?certificate=/c&key=/k":   "token_file",
		"tls://0.0.0.0?token_file=/t":           "certificate=FILE and key=FILE",
		"tls://0.0.0.0?certificate=c":           "whole path",
		"unix://run/x":                          "whole path",
		"unix:///run/":                          "whole path",
		"unix:///" + strings.Repeat("x", 200):   "bytes",
		"unix:///s?mode=0777":                   "file mode",
		"unix:///s?mode=0060":                   "file mode",
		"unix:///s?group=0":                     "mode=0660",
		"unix:///s?group=nobody-has-this":       "no such group",
		"unix:///s?users=nobody-has-this":       "no user",
		"unix:///s?colour=red":                  `no parameter "colour"`,
		"unix:///s?stats=1s":                    `no parameter "stats"`,
		"netifyd+unix:///s?token_file=/t":       `no parameter "token_file"`,
		"netifyd+unix:///s?stats=often":         "must be a time",
		"netifyd+unix:///s?status=1ms":          "must be a time",
		"netifyd+unix:///s?unknown=perhaps":     "true or false",
		"unix:///s?clients=99":                  "from 1 to 16",
		"unix:///s?clients=1&clients=2":         "may be there once",
		"unix:///s?where=((":                    "filter",
		"unix://user@/s":                        "user",
		"unix:///s?%zz":                         "parameters",
		"tcp://127.0.0.1:7150?group=0&mode=660": "no parameter",
	} {
		if l, err := Parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %+v, %v; want %q", text, l, err, want)
		}
	}
}

// TestOpenUnix: a socket has its mode, replaces one where nobody listens, and no other file.
func TestOpenUnix(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "new", "s")
	l, err := Parse("unix://" + path + "?mode=0666")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		socket, _, err := l.Open()
		if err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o666 {
			t.Errorf("%v, %v", info.Mode(), err)
		}
		if _, _, err := l.Open(); err == nil || !strings.Contains(err.Error(), "another program listens") {
			t.Errorf("a second time: %v", err)
		}
		socket.Close() // as a killed weir leaves it
	}
	socket, remove, err := l.Open()
	if err != nil {
		t.Fatal(err)
	}
	socket.Close()
	remove()
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("removed: %v", err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := l.Open(); err == nil || !strings.Contains(err.Error(), "is no socket") {
		t.Errorf("in place of a file: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("tls://0.0.0.0:1?certificate=/c&key=/k&token_file=/t")
	f.Add("netifyd+unix:///s?group=0&mode=0660&stats=15s")
	f.Add("tcp://[::1%25lo]:1")
	f.Fuzz(func(t *testing.T, text string) {
		l, err := Parse(text)
		if err != nil {
			return
		}
		if again, err := Parse(l.Resolved()); err != nil || again.Address != l.Address || again.Group != l.Group {
			t.Errorf("%q: resolved %q: %v", text, l.Resolved(), err)
		}
		if l.Network != "tcp" || l.IsTLS {
			return
		}
		if at, err := net.ResolveTCPAddr("tcp", l.Address); err != nil || !at.IP.IsLoopback() {
			t.Errorf("%q listens at %s", text, l.Address)
		}
	})
}
