// SPDX-License-Identifier: Apache-2.0

package enrol

import (
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/weirnet/weir/internal/uplink"
)

// Files of an enrolled agent.
const (
	keyFile  = "key.pem"
	sinkFile = "sink.json"
	// clientFile has the agent's own certificate and its key.
	clientFile = "client.pem"
	// newSuffix is that of a file before it replaces another one.
	newSuffix = ".new"
	maxFile   = 64 << 10
)

// ErrNotEnrolled is that of a folder without enrolment.
var ErrNotEnrolled = errors.New("this agent is not enrolled (weir enrol)")

// Load reads what Enrol has written.
func Load(path string) (*Sink, ed25519.PrivateKey, error) {
	f, err := openFolder(path, false)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, ErrNotEnrolled
	}
	if err != nil {
		return nil, nil, err
	}
	defer f.close()
	return load(path, f.read)
}

// files are those that another process may read for Load, in the order of their descriptors.
var files = [...]string{sinkFile, keyFile, clientFile}

// NumFiles is the number of files that Open opens.
const NumFiles = len(files)

// Open opens what Enrol has written, for LoadFiles in a process that can't; a file without contents is missing.
func Open(path string) (all []*os.File, err error) {
	root, err := os.OpenRoot(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotEnrolled
	}
	if err != nil {
		return nil, err
	}
	defer root.Close()
	for _, name := range files {
		file, err := root.Open(name)
		if errors.Is(err, fs.ErrNotExist) {
			file, err = os.Open(os.DevNull)
		}
		if err != nil {
			for _, f := range all {
				f.Close()
			}
			return nil, err
		}
		all = append(all, file)
	}
	return all, nil
}

// LoadFiles is Load for what Open opened.
func LoadFiles(path string, all [NumFiles]io.Reader) (*Sink, ed25519.PrivateKey, error) {
	return load(path, func(name string) ([]byte, error) {
		text, err := io.ReadAll(io.LimitReader(all[slices.Index(files[:], name)], maxFile))
		if err == nil && len(text) == 0 {
			err = fs.ErrNotExist
		}
		return text, err
	})
}

// load reads the files of the folder with that path.
func load(path string, read func(name string) ([]byte, error)) (*Sink, ed25519.PrivateKey, error) {
	text, err := read(sinkFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, ErrNotEnrolled
	}
	if err != nil {
		return nil, nil, err
	}
	var s Sink
	if err := json.Unmarshal(text, &s); err != nil {
		return nil, nil, fmt.Errorf("%s is damaged, enrol this agent again: %w", filepath.Join(path, sinkFile), err)
	}
	if text, err = read(keyFile); err != nil {
		return nil, nil, err
	}
	key, err := parseKey(text)
	if err != nil {
		return nil, nil, fmt.Errorf("%s %w", filepath.Join(path, keyFile), err)
	}
	if uplink.AgentID(key.Public().(ed25519.PublicKey)) != s.Agent {
		return nil, nil, fmt.Errorf("the key in %s is not the one that the sink knows: enrol this agent again", path)
	}
	text, err = read(clientFile)
	if err == nil {
		s.Certificate, err = parseClient(text)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, err
	}
	return &s, key, nil
}

// parseKey reads a key.
func parseKey(text []byte) (ed25519.PrivateKey, error) {
	if block, _ := pem.Decode(text); block != nil {
		if parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
			if key, ok := parsed.(ed25519.PrivateKey); ok {
				return key, nil
			}
		}
	}
	return nil, errors.New("is no Ed25519 key in PEM")
}

// parseClient reads a certificate with its key.
func parseClient(text []byte) (*tls.Certificate, error) {
	pair, err := tls.X509KeyPair(text, text)
	if err != nil {
		return nil, fmt.Errorf("the agent's own certificate: %w", err)
	}
	return &pair, nil
}

// folder has key and sink of an agent.
type folder struct {
	path string
	root *os.Root
}

// openFolder opens the folder. It makes it, and the one in which it is, for the user alone.
func openFolder(path string, makeIt bool) (*folder, error) {
	if makeIt {
		for _, p := range []string{filepath.Dir(path), path} {
			if err := os.Mkdir(p, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
				return nil, err
			}
		}
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	return &folder{path, root}, nil
}

func (f *folder) close() { _ = f.root.Close() }

func (f *folder) read(name string) ([]byte, error) {
	r, err := f.root.Open(name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(io.LimitReader(r, maxFile))
}

// key reads the key.
func (f *folder) key() (ed25519.PrivateKey, error) {
	text, err := f.read(keyFile)
	if err != nil {
		return nil, err
	}
	key, err := parseKey(text)
	if err != nil {
		return nil, fmt.Errorf("%s %w", filepath.Join(f.path, keyFile), err)
	}
	return key, nil
}

// newKey returns the key to enrol with. It is on disk before the sink knows it: that of an enrolment that failed, else
// a new one, which with force replaces the old one only in keep.
func (f *folder) newKey(force bool) (ed25519.PrivateKey, error) {
	_, err := f.root.Lstat(sinkFile)
	switch isEnrolled := err == nil; {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, err
	case isEnrolled && !force:
		return nil, ErrEnrolled
	}
	// A replacement that was never used.
	if err := f.root.Remove(keyFile + newSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if !force {
		if key, err := f.key(); !errors.Is(err, fs.ErrNotExist) {
			return key, err
		}
	}
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, err
	}
	name := keyFile
	if force {
		name += newSuffix
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return key, f.write(name, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// keep makes the key and what the agent knows of its sink those of the folder.
func (f *folder) keep(s *Sink, client []byte) error {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	_ = f.root.Remove(sinkFile + newSuffix)
	if err := f.write(sinkFile+newSuffix, append(text, '\n')); err != nil {
		return err
	}
	if err := f.root.Remove(clientFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if client != nil {
		if err := f.write(clientFile, client); err != nil {
			return err
		}
	}
	if err := f.root.Rename(keyFile+newSuffix, keyFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := f.root.Rename(sinkFile+newSuffix, sinkFile); err != nil {
		return err
	}
	return f.sync()
}

// write makes a new file durable.
func (f *folder) write(name string, text []byte) error {
	w, err := f.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = w.Write(text)
	if err = errors.Join(err, w.Sync(), w.Close()); err != nil {
		_ = f.root.Remove(name)
		return err
	}
	return f.sync()
}

func (f *folder) sync() error {
	d, err := f.root.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
