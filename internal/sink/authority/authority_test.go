// SPDX-License-Identifier: Apache-2.0

package authority

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/weirnet/weir/internal/uplink"
)

func open(t *testing.T, folder string, now time.Time, names ...string) *Authority {
	t.Helper()
	a, err := Open(folder, names, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func leaf(t *testing.T, a *Authority) *x509.Certificate {
	t.Helper()
	c, err := x509.ParseCertificate(a.current.Load().Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestHandshake: an agent that has nothing but the hash in its code knows the sink, by each of its names, over TLS 1.3.
func TestHandshake(t *testing.T) {
	a := open(t, t.TempDir(), time.Now(), "localhost", "127.0.0.1", "::1", "sink.example.org")
	for _, name := range []string{"localhost", "127.0.0.1", "::1", "sink.example.org"} {
		state, err := handshake(a, &tls.Config{ServerName: name, InsecureSkipVerify: true, NextProtos: []string{"h2"}})
		if err != nil {
			t.Fatal(err)
		}
		if state.Version != tls.VersionTLS13 || state.NegotiatedProtocol != "h2" || len(state.PeerCertificates) != 2 {
			t.Errorf("%x %q, %d certificates", state.Version, state.NegotiatedProtocol, len(state.PeerCertificates))
		}
		root := state.PeerCertificates[1]
		if uplink.HashAuthority(root) != a.Pin() || a.Pin() == [16]byte{} {
			t.Error("the chain lacks the pinned authority")
		}
		if c := state.PeerCertificates[0]; c.Subject.String() == c.Issuer.String() {
			t.Error("a certificate with its issuer's name passes for self-signed")
		}
		roots := x509.NewCertPool()
		roots.AddCert(root)
		if _, err := state.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: roots, DNSName: name}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if state.PeerCertificates[0].VerifyHostname("other.example.org") == nil {
			t.Error("valid for another name")
		}
	}
	if _, err := handshake(a, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12}); err == nil {
		t.Error("TLS 1.2 is spoken")
	}
}

func handshake(a *Authority, c *tls.Config) (tls.ConnectionState, error) {
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	go func() { _ = tls.Server(far, a.TLS()).Handshake() }()
	client := tls.Client(near, c)
	err := client.Handshake()
	return client.ConnectionState(), err
}

// TestFiles: files are made once and for the owner alone; the certificate is new when it ends soon, lacks a name, or
// does not fit its key; the authority stays.
func TestFiles(t *testing.T) {
	folder, now := filepath.Join(t.TempDir(), "tls"), time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)
	a := open(t, folder, now, "localhost")
	first, pin := leaf(t, a), a.Pin()
	for _, name := range []string{"ca.pem", "ca.key", "server.pem", "server.key"} {
		if info, err := os.Stat(filepath.Join(folder, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", name, info, err)
		}
	}
	if all, _ := os.ReadDir(folder); len(all) != 4 {
		t.Errorf("files %v", all)
	}
	for _, c := range []struct {
		name  string
		now   time.Time
		names []string
		spoil func()
		isNew bool
	}{
		{"the same", now, []string{"localhost"}, nil, false},
		{"a year later", now.Add(330 * 24 * time.Hour), []string{"localhost"}, nil, false},
		{"near the end", now.Add(serverLife - renewBefore + time.Hour), []string{"localhost"}, nil, true},
		{"a clock set back", now.Add(-10 * 24 * time.Hour), []string{"localhost"}, nil, true},
		{"one more name", now, []string{"localhost", "10.0.0.1"}, nil, true},
		{"another key", now, []string{"localhost", "10.0.0.1"}, func() { // a crash between key and certificate
			b, err := os.ReadFile(filepath.Join(folder, "ca.key"))
			if err != nil || os.WriteFile(filepath.Join(folder, "server.key"), b, 0o600) != nil {
				t.Fatal(err)
			}
		}, true},
		{"cut off", now, []string{"localhost"}, func() {
			if err := os.Truncate(filepath.Join(folder, "server.pem"), 100); err != nil {
				t.Fatal(err)
			}
		}, true},
	} {
		before := first
		if c.spoil != nil {
			c.spoil()
		}
		b := open(t, folder, c.now, c.names...)
		first = leaf(t, b)
		if b.Pin() != pin {
			t.Fatalf("%s: another authority", c.name)
		}
		if isNew := !bytes.Equal(before.Raw, first.Raw); isNew != c.isNew {
			t.Errorf("%s: new %v", c.name, isNew)
		}
	}
	if err := os.Truncate(filepath.Join(folder, "ca.pem"), 100); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(folder, []string{"localhost"}, time.Now); err == nil {
		t.Error("a damaged authority is replaced: all agents would be lost")
	}
}

// TestRenew: a running sink takes a new certificate before the old one ends.
func TestRenew(t *testing.T) {
	now := time.Now()
	a, err := Open(t.TempDir(), []string{"localhost"}, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	old := leaf(t, a)
	now = old.NotAfter.Add(-renewBefore + time.Minute)
	if err := a.Renew(); err != nil {
		t.Fatal(err)
	}
	if fresh := leaf(t, a); !fresh.NotAfter.After(old.NotAfter) {
		t.Errorf("ends %s, then %s", old.NotAfter, fresh.NotAfter)
	}
}

// TestOwnFiles: the operator's certificate is pinned if its chain has the authority, else agents use their system's.
func TestOwnFiles(t *testing.T) {
	folder := t.TempDir()
	a := open(t, folder, time.Now(), "localhost")
	pem, key := filepath.Join(folder, "server.pem"), filepath.Join(folder, "server.key")
	own, err := Files(pem, key, time.Now)
	if err != nil || own.Pin() != a.Pin() || own.Fingerprint() != a.Fingerprint() {
		t.Errorf("%v, another pin or fingerprint", err)
	}
	text, err := os.ReadFile(pem)
	if err != nil {
		t.Fatal(err)
	}
	alone := filepath.Join(folder, "alone.pem")
	end := bytes.Index(text, []byte("-----END CERTIFICATE-----\n")) + len("-----END CERTIFICATE-----\n")
	if err := os.WriteFile(alone, text[:end], 0o600); err != nil {
		t.Fatal(err)
	}
	if own, err = Files(alone, key, time.Now); err != nil || own.Pin() != [16]byte{} {
		t.Errorf("%v, pinned without an authority", err)
	}
	if _, err := Files(filepath.Join(folder, "none"), key, time.Now); err == nil {
		t.Error("a missing file is accepted")
	}
}

func TestCheckName(t *testing.T) {
	for name, isGood := range map[string]bool{"sink": true, "sink.example.org": true, "10.0.0.1": true, "fe80::1": true,
		"": false, "a b": false, "-a": false, "a..b": false, "https://a": false, "a:1": false} {
		if err := CheckName(name); (err == nil) != isGood {
			t.Errorf("%q: %v", name, err)
		}
	}
}
