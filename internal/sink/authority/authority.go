// SPDX-License-Identifier: Apache-2.0

// Package authority gives a sink its TLS identity: a certificate authority of its own with a certificate for the
// server, both made at the first start, or files of the operator.
package authority

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/weirnet/weir/internal/uplink"
)

const (
	authorityLife = 20 * 365 * 24 * time.Hour
	serverLife    = 397 * 24 * time.Hour
	// renewBefore the end of the server's certificate a new one is made.
	renewBefore = 60 * 24 * time.Hour
	// past lets clocks of agents be late.
	past = 48 * time.Hour
)

// Authority holds the certificates. Its methods may be called concurrently.
type Authority struct {
	folder string // "" with files of the operator
	files  [2]string
	names  []string
	now    func() time.Time

	root    *x509.Certificate // nil: the operator's certificates have none
	rootKey *ecdsa.PrivateKey
	current atomic.Pointer[tls.Certificate]
}

// Open reads the authority of a folder, and makes what is missing. The server's certificate is for the names: host
// names and addresses.
func Open(folder string, names []string, now func() time.Time) (*Authority, error) {
	a := &Authority{folder: folder, names: names, now: now}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	if err := a.loadRoot(); err != nil {
		return nil, err
	}
	return a, a.Renew()
}

// Files takes the operator's certificate, with its chain, and key.
func Files(certificate, key string, now func() time.Time) (*Authority, error) {
	a := &Authority{files: [2]string{certificate, key}, now: now}
	if err := a.Renew(); err != nil {
		return nil, err
	}
	chain := a.current.Load().Certificate
	last, err := x509.ParseCertificate(chain[len(chain)-1])
	if err != nil {
		return nil, err
	}
	if last.IsCA && last.CheckSignatureFrom(last) == nil {
		a.root = last
	}
	return a, nil
}

func (a *Authority) path(name string) string { return filepath.Join(a.folder, name) }

// loadRoot reads or makes the certificate authority.
func (a *Authority) loadRoot() error {
	certificate, certificateErr := os.ReadFile(a.path("ca.pem"))
	key, keyErr := os.ReadFile(a.path("ca.key"))
	// The key is written first. A crash between the two leaves a key that has signed nothing.
	if errors.Is(certificateErr, os.ErrNotExist) {
		return a.makeRoot()
	}
	if err := errors.Join(certificateErr, keyErr); err != nil {
		return err
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return fmt.Errorf("%s, ca.key: %w", a.path("ca.pem"), err)
	}
	private, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return fmt.Errorf("%s: not an ECDSA key", a.path("ca.key"))
	}
	a.root, a.rootKey = pair.Leaf, private
	return nil
}

func (a *Authority) makeRoot() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	now := a.now()
	template := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: "weir sink authority"},
		NotBefore: now.Add(-past), NotAfter: now.Add(authorityLife),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	if a.root, err = x509.ParseCertificate(der); err != nil {
		return err
	}
	a.rootKey = key
	return a.write("ca", key, der)
}

// write writes a key and its certificates, the key first.
func (a *Authority) write(name string, key *ecdsa.PrivateKey, chain ...[]byte) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	if err := replace(a.path(name+".key"), text); err != nil {
		return err
	}
	text = nil
	for _, der := range chain {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	return replace(a.path(name+".pem"), text)
}

// replace replaces a file, durably.
func replace(path string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return err
	}
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// Renew makes a new certificate for the server if there is none, or if it ends soon or lacks a name. It reads the
// operator's files again.
func (a *Authority) Renew() error {
	if a.folder == "" {
		pair, err := tls.LoadX509KeyPair(a.files[0], a.files[1])
		if err != nil {
			return fmt.Errorf("the sink's certificate: %w", err)
		}
		a.current.Store(&pair)
		return nil
	}
	if pair, err := tls.LoadX509KeyPair(a.path("server.pem"), a.path("server.key")); err == nil && a.isGood(&pair) {
		a.current.Store(&pair)
		return nil
	}
	return a.makeServer()
}

func (a *Authority) isGood(pair *tls.Certificate) bool {
	leaf := pair.Leaf
	if leaf.CheckSignatureFrom(a.root) != nil || a.now().Add(renewBefore).After(leaf.NotAfter) ||
		a.now().Before(leaf.NotBefore) {
		return false
	}
	for _, name := range a.names {
		if leaf.VerifyHostname(name) != nil {
			return false
		}
	}
	return len(pair.Certificate) == 2
}

func (a *Authority) makeServer() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	now := a.now()
	template := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: "weir sink"},
		NotBefore: now.Add(-past), NotAfter: now.Add(serverLife),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	if end := a.root.NotAfter; template.NotAfter.After(end) {
		template.NotAfter = end
	}
	for _, name := range a.names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.root, key.Public(), a.rootKey)
	if err != nil {
		return err
	}
	if err := a.write("server", key, der, a.root.Raw); err != nil {
		return err
	}
	pair, err := tls.LoadX509KeyPair(a.path("server.pem"), a.path("server.key"))
	if err != nil {
		return err
	}
	a.current.Store(&pair)
	return nil
}

// TLS returns the server's configuration.
func (a *Authority) TLS() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		NextProtos: []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return a.current.Load(), nil
		},
	}
}

// Pin returns what an enrolment code has of the authority: zero if agents are to use their system's roots.
func (a *Authority) Pin() (pin [16]byte) {
	if a.root == nil {
		return pin
	}
	return uplink.HashAuthority(a.root)
}

// Fingerprint returns the SHA-256 of the authority's certificate, or of the server's if it has no authority, as people
// compare it.
func (a *Authority) Fingerprint() string {
	der := a.current.Load().Certificate[0]
	if a.root != nil {
		der = a.root.Raw
	}
	sum := sha256.Sum256(der)
	text := strings.ToUpper(hex.EncodeToString(sum[:]))
	var pairs []string
	for i := 0; i < len(text); i += 2 {
		pairs = append(pairs, text[i:i+2])
	}
	return strings.Join(pairs, ":")
}

// Names returns the names of this machine, besides those given: localhost, its host name, its addresses.
func Names(more []string) []string {
	names := append([]string{"localhost", "127.0.0.1", "::1"}, more...)
	if host, err := os.Hostname(); err == nil && isHostName(host) {
		names = append(names, host)
	}
	addresses, _ := net.InterfaceAddrs()
	for _, a := range addresses {
		if n, ok := a.(*net.IPNet); ok && n.IP.IsGlobalUnicast() {
			names = append(names, n.IP.String())
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// CheckName says whether a certificate can be for that host name or address.
func CheckName(name string) error {
	if net.ParseIP(name) != nil || isHostName(name) {
		return nil
	}
	return fmt.Errorf("%q is neither a host name nor an address", name)
}

// isHostName follows RFC 1123, section 2.1, with the underscore that some hosts have.
func isHostName(name string) bool {
	if name == "" || len(name) > 253 {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' || strings.Trim(label,
			"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "" {
			return false
		}
	}
	return true
}
