// SPDX-License-Identifier: Apache-2.0

package api

import "sync"

// Bell is a Notifier that whoever fills the store rings. Its zero value is ready.
type Bell struct {
	mu      sync.Mutex
	changed chan struct{}
}

// Changed implements Notifier.
func (b *Bell) Changed() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.changed == nil {
		b.changed = make(chan struct{})
	}
	return b.changed
}

// Ring says that the store knows more.
func (b *Bell) Ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.changed != nil {
		close(b.changed)
		b.changed = nil
	}
}
