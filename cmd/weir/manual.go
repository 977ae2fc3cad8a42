// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/weirnet/weir/internal/config"
	"github.com/weirnet/weir/internal/manual"
)

func newManual() *cobra.Command {
	return manual.Command(version, manual.Page{Name: "weir.yaml", Section: 5, Body: settingsPage})
}

// settingsPage describes the file of settings.
func settingsPage(w *manual.Writer) {
	w.Section("NAME")
	w.Line(`weir.yaml \- settings of weir`)
	w.Section("DESCRIPTION")
	w.Text(`weir takes each setting from a flag, else from a variable of the environment, else from the file that
--config or WEIR_CONFIG names, else it uses the default. The file is YAML: groups, and in each its settings. weir
refuses keys that it does not know.

In the environment commas separate the elements of a list, and an empty variable counts as unset.`)
	w.Section("SETTINGS")
	defaults := config.Default()
	for _, g := range config.Groups() {
		w.Subsection(g.Key)
		w.Text(g.Help)
		for _, s := range g.Settings {
			w.Item(manual.Bold(s.Name()), fmt.Sprintf("%s (default %s; %s)", s.Help, s.Text(defaults), s.Env))
		}
	}
	w.Section("EXAMPLES")
	w.Code("capture:\n  interfaces: [lan0, wan0]\nflows:\n  max: 16384\n")
	w.Section("SEE ALSO")
	w.Line(manual.Bold("weir-config") + "(1), " + manual.Bold("weir-run") + "(1)")
}
