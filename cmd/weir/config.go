// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/weirnet/weir/internal/agent"
	"github.com/weirnet/weir/internal/config"
	"github.com/weirnet/weir/internal/usage"
)

func newConfig() *cobra.Command {
	c := &cobra.Command{
		Use:   "config",
		Short: "Print and check settings",
		Long: `weir run, top and replay take settings from flags, from variables of the environment
(WEIR_FLOWS_MAX for flows.max) and from a file (--config, or WEIR_CONFIG), each overriding the
next.`,
		Args: usage.NoArguments,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(
		&cobra.Command{
			Use: "default", Short: "Print a file with all settings, their defaults and their purpose",
			Args:    usage.NoArguments,
			Example: "  weir config default > weir.yaml",
			RunE: func(c *cobra.Command, _ []string) error {
				return config.Write(c.OutOrStdout(), config.Default())
			},
		},
		&cobra.Command{
			Use: "check FILE…", Short: "Check files of settings for mistakes",
			Args: usage.Needs("a file of settings", true),
			RunE: checkConfigs,
		},
		newConfigShow(),
	)
	return c
}

func checkConfigs(c *cobra.Command, names []string) error {
	broken := 0
	for _, name := range names {
		read, err := config.ReadFile(name)
		if err == nil {
			if err = setExport(&agent.Options{}, read); err != nil {
				err = fmt.Errorf("%s: %w", name, err)
			}
		}
		if err != nil {
			broken++
			fmt.Fprintln(c.OutOrStdout(), err)
		}
	}
	if broken > 0 {
		return partialError{fmt.Errorf("%d of %d files can't be used", broken, len(names))}
	}
	_, err := fmt.Fprintln(c.OutOrStdout(), "no problems")
	return err
}

func newConfigShow() *cobra.Command {
	l := config.NewLoader("")
	c := &cobra.Command{
		Use: "show", Short: "Print which settings are in force, and where each comes from", Args: usage.NoArguments,
		Example: "  weir config show --config weir.yaml",
		RunE: func(c *cobra.Command, _ []string) error {
			if err := l.Load(); err != nil {
				return err
			}
			return showConfig(c.OutOrStdout(), l)
		},
	}
	l.AddFileFlag(c.Flags())
	return c
}

func showConfig(out io.Writer, l *config.Loader) error {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "SETTING\tVALUE\tFROM")
	for _, s := range config.Settings() {
		fmt.Fprintf(w, "%s\t%s\t%s\n", s.Key, s.Text(&l.Config), l.Source(&s))
	}
	fmt.Fprintln(w, "\nWHAT FOLLOWS\tVALUE\tFROM")
	for _, d := range l.Config.Derived() {
		fmt.Fprintf(w, "%s\t%s\t%s\n", d.Name, d.Value, d.From)
	}
	return w.Flush()
}
