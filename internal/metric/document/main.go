// SPDX-License-Identifier: Apache-2.0

// Command document writes docs/COUNTERS.md from the list of counters.
package main

import (
	"bytes"
	"fmt"
	"os"

	"github.com/weirnet/weir/internal/metric"
)

func main() {
	if err := os.WriteFile(os.Args[1], document(), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func document() []byte {
	var b bytes.Buffer
	b.WriteString(`<!-- Generated from internal/metric/list.go by go generate. DO NOT EDIT. -->

# What weir counts

All counters rise from the start of a ` + "`weir run`, `weir top` or `weir replay`" +
		`. The summary at the end lists the counters
of the classes notice and loss that are not 0; the screen of ` + "`weir top`" + ` lists those of the class loss.

- traffic: ordinary work.
- notice: worth knowing, but no packet or flow is missing.
- loss: something is missing, or a limit cut it.

| counter | class | counts |
|---|---|---|
`)
	for _, c := range metric.All() {
		name := c.Name
		if c.Cause != "" {
			name += fmt.Sprintf("{cause=%q}", c.Cause)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", name, c.Class, c.Help)
	}
	return b.Bytes()
}
