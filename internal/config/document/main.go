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
else from a file, else they use the default. ` + "`--config` or `WEIR_CONFIG`" +
		` names the file; the default is no file.

- ` + "`weir config default`" + ` prints a file with all settings and their defaults.
- ` + "`weir config check FILE`" + ` reports a file's mistakes, with their lines.
- ` + "`weir config show --config FILE`" + ` shows the settings in force, and where each value comes from.

weir refuses unknown keys. In the environment commas separate the elements of a list, and an empty variable counts as
unset; on the command line, repeat the flag. A list replaces the whole list of a lower place.

A variable that begins with ` + "`WEIR_DEFAULT_`, such as `WEIR_DEFAULT_OUTPUT_FORMAT`" + `, replaces a default: flags,
the other variables and the file override it. The service files and the image use it.
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
