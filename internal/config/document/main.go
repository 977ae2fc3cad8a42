// SPDX-License-Identifier: Apache-2.0

// Command document writes docs/CONFIG.md from the settings.
package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"

	"github.com/weirnet/weir/internal/config"
)

func main() {
	if err := os.WriteFile(os.Args[1], document(), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func document() []byte {
	var b bytes.Buffer
	b.WriteString(`<!-- Generated from internal/config/config.go by go generate. DO NOT EDIT. -->

# Settings

` + "`weir run`, `weir top` and `weir replay`" +
		` take each setting from a flag, else from a variable of the environment,
else from a file, else it has its default. The file is named by ` +
		"`--config` or `WEIR_CONFIG`" + `;
there is none by default.

- ` + "`weir config default`" + ` prints a file with all settings and their defaults.
- ` + "`weir config check FILE`" + ` says what is wrong with a file, with the line.
- ` + "`weir config show --config FILE`" + ` says what is in force, and where each value comes from.

A key that there isn't is refused. In the environment the elements of a list stand between commas, and an empty variable
is as none; on the command line a flag is repeated. A list replaces that of a lower place as a whole.
`)
	defaults := config.Default()
	for _, g := range config.Groups() {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n| setting | flag | environment | default | |\n|---|---|---|---|---|\n", g.Key,
			g.Help)
		for _, s := range g.Settings {
			commands := ""
			if of := s.Commands(); len(of) > 0 {
				commands = " (" + strings.Join(of, ", ") + ")"
			}
			fmt.Fprintf(&b, "| `%s` | `--%s`%s | `%s` | %s | %s |\n", s.Key, s.Flag, commands, s.Env, s.Text(defaults),
				s.Help)
		}
	}
	return b.Bytes()
}
