// SPDX-License-Identifier: Apache-2.0

// Package agents knows the agents that may report, and the codes by which others may enrol. Both are in one file, which
// is replaced at each change: what a caller has been told is on disk.
package agents

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/weirnet/weir/internal/uplink"
)

const (
	// CodeLife is how long an enrolment code is valid.
	CodeLife = time.Hour
	// MaxName bounds an agent's name in bytes.
	MaxName = 64

	maxAgents = 10_000 // revoked ones included
	maxCodes  = 100
)

// Agent is one that has enrolled.
type Agent struct {
	ID       string     `json:"id"` // uplink.AgentID of the key
	Name     string     `json:"name"`
	Version  string     `json:"version,omitempty"` // when it enrolled
	Key      []byte     `json:"public_key"`
	Enrolled time.Time  `json:"enrolled"`
	Revoked  *time.Time `json:"revoked,omitempty"`
}

// code is an enrolment code, of which the file has the hash only.
type code struct {
	Hash    string    `json:"sha256"`
	Name    string    `json:"name"`
	Expires time.Time `json:"expires"`
	// Agent has used it. It stays until it expires: an agent that did not hear the answer may ask again.
	Agent string `json:"agent,omitempty"`
}

type content struct {
	Agents []*Agent `json:"agents"`
	Codes  []code   `json:"codes"`
}

// Registry keeps the agents. Its methods may be called concurrently.
type Registry struct {
	path string
	now  func() time.Time

	change sync.Mutex // held by who changes the file, also while it is written
	mu     sync.RWMutex
	// Both are replaced, never changed. Who holds change may read them without mu.
	content content
	byID    map[string]*Agent
}

// Errors of a Registry.
var (
	// ErrCode is that of a code that is wrong, used or expired: which of them, nobody is told.
	ErrCode    = errors.New("this code is not valid: it is wrong, was used, or has expired")
	ErrUnknown = errors.New("there is no such agent")
	ErrName    = fmt.Errorf("a name has 1 to %d bytes, and no control characters", MaxName)
	ErrTaken   = errors.New("an agent has this name already: take another one, or revoke that agent first")
	ErrFull    = errors.New("no more agents or codes fit")
)

// Open reads the file, which is made at the first change.
func Open(path string, now func() time.Time) (*Registry, error) {
	r := &Registry{path: path, now: now, byID: map[string]*Agent{}}
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(b, &r.content); err != nil {
		return nil, damaged(path, err)
	}
	for _, a := range r.content.Agents {
		if a == nil || len(a.Key) != ed25519.PublicKeySize || a.ID != uplink.AgentID(a.Key) {
			return nil, damaged(path, errors.New("an agent has no key, or not the id of its key"))
		}
		r.byID[a.ID] = a
	}
	return r, nil
}

// damaged says what to do about a file that can't be read. What the agents have reported stays without it.
func damaged(path string, err error) error {
	return fmt.Errorf("%s is damaged (%w): bring it back from a copy, or move it away and enrol the agents again",
		path, err)
}

// save replaces the file. The caller holds change.
func (r *Registry) save(c *content) error {
	b, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(r.path), filepath.Base(r.path)+".*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(append(b, '\n'))
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), r.path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return err
	}
	return syncFolder(filepath.Dir(r.path))
}

func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// update saves a changed copy of the content, and takes it once it is saved. The caller holds change.
func (r *Registry) update(do func(c *content) error) error {
	c := content{Agents: slices.Clone(r.content.Agents)}
	now := r.now()
	for _, k := range r.content.Codes {
		if now.Before(k.Expires) {
			c.Codes = append(c.Codes, k)
		}
	}
	if err := do(&c); err != nil {
		return err
	}
	if err := r.save(&c); err != nil {
		return fmt.Errorf("save the agents: %w", err)
	}
	byID := make(map[string]*Agent, len(c.Agents))
	for _, a := range c.Agents {
		byID[a.ID] = a
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.content, r.byID = c, byID
	return nil
}

// CheckName returns ErrName for a text that can't be an agent's name.
func CheckName(name string) error {
	if name == "" || len(name) > MaxName || !utf8.ValidString(name) || strings.TrimSpace(name) != name ||
		strings.ContainsFunc(name, func(c rune) bool { return !unicode.IsPrint(c) }) {
		return ErrName
	}
	return nil
}

func hash(c uplink.Code) string {
	sum := sha256.Sum256(c.Secret[:])
	return hex.EncodeToString(sum[:])
}

// NewCode returns a code by which an agent may enrol under that name. An earlier code for the name is valid no more.
func (r *Registry) NewCode(name string, authority [16]byte) (c uplink.Code, expires time.Time, err error) {
	if err := CheckName(name); err != nil {
		return c, expires, err
	}
	c = uplink.NewCode(authority)
	r.change.Lock()
	defer r.change.Unlock()
	expires = r.now().Add(CodeLife)
	return c, expires, r.update(func(all *content) error {
		all.Codes = slices.DeleteFunc(all.Codes, func(k code) bool { return k.Name == name && k.Agent == "" })
		if len(all.Codes) >= maxCodes {
			return ErrFull
		}
		if slices.ContainsFunc(all.Agents, func(a *Agent) bool { return a.Name == name && a.Revoked == nil }) {
			return ErrTaken
		}
		all.Codes = append(all.Codes, code{Hash: hash(c), Name: name, Expires: expires})
		return nil
	})
}

// Enrol takes an agent with a valid code, which is used up. The caller has checked that the agent has the key.
func (r *Registry) Enrol(c uplink.Code, key ed25519.PublicKey, version string) (a Agent, err error) {
	id := uplink.AgentID(key)
	r.change.Lock()
	defer r.change.Unlock()
	now := r.now()
	i := slices.IndexFunc(r.content.Codes, func(k code) bool { return k.Hash == hash(c) && now.Before(k.Expires) })
	if i < 0 {
		return a, ErrCode
	}
	if k := r.content.Codes[i]; k.Agent != "" {
		if old := r.byID[id]; k.Agent == id && old != nil && old.Revoked == nil {
			return *old, nil
		}
		return a, ErrCode
	}
	a = Agent{ID: id, Name: r.content.Codes[i].Name, Version: version, Key: slices.Clone(key), Enrolled: now}
	err = r.update(func(all *content) error {
		all.Agents = slices.DeleteFunc(all.Agents, func(old *Agent) bool { return old.ID == id })
		if len(all.Agents) >= maxAgents {
			return ErrFull
		}
		entry := a
		all.Agents = append(all.Agents, &entry)
		i := slices.IndexFunc(all.Codes, func(k code) bool { return k.Hash == hash(c) })
		if i < 0 { // it expired between the two looks at the clock
			return ErrCode
		}
		all.Codes[i].Agent = id
		return nil
	})
	return a, err
}

// Key returns the key of an agent that may report.
func (r *Registry) Key(id string) (key ed25519.PublicKey, ok bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	a := r.byID[id]
	if a == nil || a.Revoked != nil {
		return nil, false
	}
	return a.Key, true
}

// List returns all agents, revoked ones included, in the order in which they enrolled.
func (r *Registry) List() (all []Agent) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, a := range r.content.Agents {
		all = append(all, *a)
	}
	return all
}

// Revoke withdraws an agent's right to report, at once. What it has reported stays.
func (r *Registry) Revoke(id string) error {
	r.change.Lock()
	defer r.change.Unlock()
	old := r.byID[id]
	if old == nil {
		return ErrUnknown
	}
	if old.Revoked != nil {
		return nil
	}
	now := r.now()
	return r.update(func(all *content) error {
		for i, a := range all.Agents {
			if a.ID == id {
				revoked := *a
				revoked.Revoked = &now
				all.Agents[i] = &revoked
			}
		}
		return nil
	})
}
