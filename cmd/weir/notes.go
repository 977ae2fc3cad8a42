// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"sync"
)

// notes keeps the few lines for people while the screen is in use, and prints them afterwards.
type notes struct {
	mu    sync.Mutex
	lines []string
}

// maxNotes bounds the lines; it drops later ones.
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
