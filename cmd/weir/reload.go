// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weirnet/weir/internal/agent"
	"github.com/weirnet/weir/internal/catalog"
	"github.com/weirnet/weir/internal/config"
	"github.com/weirnet/weir/internal/control"
	"github.com/weirnet/weir/internal/export"
	"github.com/weirnet/weir/internal/export/outputs"
	"github.com/weirnet/weir/internal/topology"
	"github.com/weirnet/weir/internal/usage"
)

// liveSettings are the settings that a running weir takes on. The others need a restart.
var liveSettings = []string{"capture.interfaces", "network.lan", "network.wan", "network.lan_networks",
	"names.catalogs", "log.level"}

func newReload() *cobra.Command {
	var socket string
	c := &cobra.Command{
		Use:   "reload [flags]",
		Short: "Make the running weir read its settings anew",
		Long: `Make the running weir read its file of settings and its catalogs anew, and open the files of its exports
anew. weir checks all settings first: a mistake changes nothing. These take effect at once:

  ` + strings.Join(liveSettings, "\n  ") + `

Of each other changed setting, reload says that it needs a restart. Flows that are under way go on, and keep
their names. SIGHUP to a weir without a terminal does the same, and tells in weir's log.

Exit status: 0 if the settings are valid, 1 if not, or if no weir answers, 2 for wrong usage.`,
		Example: "  weir reload\n  weir config check /etc/weir/weir.yaml && weir reload",
		Args:    usage.NoArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			answer, err := ask(socket, &control.Request{Reload: true})
			if err != nil {
				return partialError{err}
			}
			for _, line := range answer.Lines {
				fmt.Fprintln(c.OutOrStdout(), line)
			}
			return nil
		},
	}
	c.Flags().StringVar(&socket, "socket", control.DefaultPath(), "the running weir's socket")
	return c
}

// settingsReloader reads the settings of weir run anew, in the privileged process.
type settingsReloader struct {
	settings *config.Loader
	running  config.Config // what the agent has
}

// reload checks the settings as a start does, and says what became of each change.
func (r *settingsReloader) reload() (*agent.Settings, error) {
	c, err := r.settings.Reload()
	if err != nil {
		return nil, err
	}
	if err := checkSettings(c); err != nil {
		return nil, err
	}
	links, err := topology.List()
	if err != nil {
		return nil, err
	}
	selection, err := topology.NewSelection(c.Capture.Interfaces...)
	if err != nil {
		return nil, err
	}
	missing := slices.DeleteFunc(selection.Missing(links), func(name string) bool { // one that is away may come back
		return slices.Contains(r.running.Capture.Interfaces, name)
	})
	if len(missing) > 0 {
		return nil, fmt.Errorf("no such interface: %s", strings.Join(missing, ", "))
	}
	sources, err := catalog.ReadSources(c.Names.Catalogs)
	if err == nil {
		_, err = catalog.LoadSources(sources)
	}
	if err != nil {
		return nil, err
	}
	s := &agent.Settings{LogLevel: c.Log.Level, Interfaces: c.Capture.Interfaces, Catalogs: sources,
		Sides: topology.Sides{LAN: c.Network.LAN, WAN: c.Network.WAN, Networks: c.Network.LANNetworks}}
	s.Lines = r.take(c)
	if len(sources) > 0 {
		s.Lines = append(s.Lines, fmt.Sprintf("names.catalogs: %d files read anew", len(sources)))
	}
	if len(s.Lines) == 0 {
		s.Lines = []string{"no setting has changed"}
	}
	return s, nil
}

// take notes what the agent takes on, and returns a line for each change.
func (r *settingsReloader) take(c *config.Config) (lines []string) {
	for _, s := range config.Settings() {
		before, now := s.Text(&r.running), s.Text(c)
		switch {
		case !s.IsFor("run") || before == now:
		case slices.Contains(liveSettings, s.Key):
			s.Copy(&r.running, c)
			lines = append(lines, fmt.Sprintf("%s: %s instead of %s", s.Key, now, before))
		default:
			lines = append(lines, fmt.Sprintf("%s: stays %s; %s needs a restart", s.Key, before, now))
		}
	}
	return lines
}

// checkSettings finds the mistakes at which weir run would not begin.
func checkSettings(c *config.Config) error {
	if err := checkPrivacy(c); err != nil {
		return err
	}
	if err := checkMetrics(c); err != nil {
		return err
	}
	if _, err := export.NewPlan(outputs.Kinds(), c.Export.To); err != nil {
		return err
	}
	o := liveOptions(c)
	_, err := o.Check()
	return err
}
