// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"sync"
)

// notes keeps lines for people while the screen is in use. There are few: they are told when it is free again.
type notes struct {
	mu    sync.Mutex
	lines []string
}

// maxNotes are kept; later ones are dropped.
const maxNotes = 100

func (n *notes) add(format string, args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.lines) < maxNotes {
		n.lines = append(n.lines, fmt.Sprintf(format, args...))
	}
}

func (n *notes) print(w io.Writer) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, line := range n.lines {
		fmt.Fprintln(w, "weir:", line)
	}
}
