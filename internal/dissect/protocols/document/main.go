// SPDX-License-Identifier: Apache-2.0

// Command document writes docs/PROTOCOLS.md from the table of protocols.
package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"

	"github.com/weirnet/weir/internal/dissect"
	"github.com/weirnet/weir/internal/dissect/protocols"
)

func main() {
	if err := os.WriteFile(os.Args[1], document(), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func document() []byte {
	all := dissect.NewTable(protocols.All()).Summaries()
	var b bytes.Buffer
	fmt.Fprintf(&b, `<!-- Generated from internal/dissect/protocols by go generate. DO NOT EDIT. -->

# What weir recognises

weir names %d protocols by inspection. `+"`weir protocols`"+` prints this list.

- Ports are where weir looks first; with "any" the first bytes suffice, at any port.
- The members are those of the flow record (`+"`internal/record/schema.json`"+`) that a flow of the protocol may have;
  `+"`tls.*`"+` are all that the protocol tls has.

| protocol | category | over | ports | specification | learns | since |
|---|---|---|---|---|---|---|
`, len(all))
	for i := range all {
		s := &all[i]
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %s | %s |\n", s.Slug, s.Category,
			strings.Join(s.Transports, ", "), s.PortsText(), strings.ReplaceAll(s.Specification, "|", `\|`),
			members(s), s.Since)
	}
	return b.Bytes()
}

func members(s *dissect.Summary) string {
	if len(s.Members) == 0 {
		return ""
	}
	return "`" + strings.Join(s.Members, "`, `") + "`"
}
