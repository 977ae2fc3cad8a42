// SPDX-License-Identifier: Apache-2.0

package stream

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"
)

// tokens are those that a listener takes, as sums: so all comparisons take the same time.
type tokens [][sha256.Size]byte

// minToken is the least length of a token, so that nobody finds one by trying.
const minToken = 16

// readTokens reads a file with a token a line. Empty lines, and those that begin with #, are comments.
func readTokens(content []byte) (all tokens, err error) {
	number := 0
	for line := range bytes.Lines(content) {
		number++
		if line = bytes.TrimSpace(line); len(line) == 0 || line[0] == '#' {
			continue
		}
		if len(line) < minToken {
			return nil, fmt.Errorf("line %d: a token has %d characters at least", number, minToken)
		}
		all = append(all, sha256.Sum256(line))
	}
	if len(all) == 0 {
		return nil, errors.New("there is no token in it")
	}
	return all, nil
}

// has reports whether a token is among those. It takes the same time whichever it is.
func (t tokens) has(token string) bool {
	sum := sha256.Sum256([]byte(token))
	found := 0
	for i := range t {
		found |= subtle.ConstantTimeCompare(t[i][:], sum[:])
	}
	return found == 1
}

// failures limits attempts with wrong tokens: so many by an address within a time. Any goroutine may call it.
type failures struct {
	mu sync.Mutex
	of map[netip.Prefix]*failure
}

type failure struct {
	count int
	since time.Time
}

// Bounds of failures.
const (
	mostFailures = 5
	failureTime  = time.Minute
	// mostAddresses bounds the memory. Beyond it all addresses without a failure so far share one count.
	mostAddresses = 4096
)

func newFailures() *failures { return &failures{of: map[netip.Prefix]*failure{}} }

// network is what counts as one address: of IPv6 a /64, as any host has one.
func network(a netip.Addr) netip.Prefix {
	bits := 32
	if a = a.Unmap(); a.Is6() {
		bits = 64
	}
	p, _ := a.WithZone("").Prefix(bits)
	return p
}

// tooMany reports whether an address has failed too often lately.
func (f *failures) tooMany(a netip.Addr) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.of[f.key(a)]
	return n != nil && n.count >= mostFailures && time.Since(n.since) < failureTime
}

// add counts a failure.
func (f *failures) add(a netip.Addr) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.of) >= mostAddresses {
		for p, n := range f.of {
			if time.Since(n.since) >= failureTime {
				delete(f.of, p)
			}
		}
	}
	key := f.key(a)
	n := f.of[key]
	if n == nil || time.Since(n.since) >= failureTime {
		n = &failure{since: time.Now()}
		f.of[key] = n
	}
	n.count++
}

// key returns the place of an address's count.
func (f *failures) key(a netip.Addr) netip.Prefix {
	key := network(a)
	if f.of[key] == nil && len(f.of) >= mostAddresses {
		return netip.Prefix{}
	}
	return key
}
