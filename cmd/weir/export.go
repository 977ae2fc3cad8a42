// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/weirnet/weir/internal/agent"
	"github.com/weirnet/weir/internal/agent/privileged"
	"github.com/weirnet/weir/internal/config"
	"github.com/weirnet/weir/internal/export"
	"github.com/weirnet/weir/internal/export/metrics"
	"github.com/weirnet/weir/internal/export/outputs"
	"github.com/weirnet/weir/internal/logging"
	"github.com/weirnet/weir/internal/sandbox"
)

// newExport returns the command of the process that exports records, which weir run itself starts.
func newExport() *cobra.Command {
	var to []string
	var listen string
	log := logging.Options{Program: "weir", Process: "export"}
	c := &cobra.Command{
		Use:    privileged.ExportCommand + " " + privileged.ExportFirst + "|" + privileged.ExportAgain,
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if !sandbox.Inside() {
				return errors.New("weir run starts this process itself")
			}
			plan, err := export.NewPlan(outputs.Kinds(), to)
			if err != nil {
				return err
			}
			tuneMemory()
			logger, err := newLogger(c.ErrOrStderr(), log)
			if err != nil {
				return err
			}
			defer logger.Flush()
			// The helper tells an error from a panic, whose status is 2.
			if err := export.Run(&export.Options{Plan: plan, IsFirst: args[0] == privileged.ExportFirst,
				Version: version, Log: logger, Release: agent.ReleaseMemory, Servers: servers(listen)}); err != nil {
				return partialError{err}
			}
			return nil
		},
	}
	c.Flags().StringArrayVar(&to, "to", nil, "an output")
	c.Flags().StringVar(&listen, "metrics-listen", "", "as of weir run")
	c.Flags().StringVar(&log.Format, "log-format", log.Format, "as of weir run")
	c.Flags().StringVar(&log.Level, "log-level", log.Level, "as of weir run")
	return c
}

// servers returns the listeners of the process.
func servers(listen string) (all []export.Server) {
	if listen != "" {
		all = append(all, &metrics.Server{Listen: listen, Version: version})
	}
	return all
}

// setExport makes the plan of what leaves weir besides reports.
func setExport(o *agent.Options, c *config.Config) error {
	plan, err := export.NewPlan(outputs.Kinds(), c.Export.To)
	if err != nil {
		return err
	}
	o.Export = agent.Export{Folders: plan.Folders, Files: plan.Files}
	for _, to := range c.Export.To {
		o.Export.Args = append(o.Export.Args, "--to="+to)
	}
	if c.Metrics.Listen != "" {
		o.Export.Args = append(o.Export.Args, "--metrics-listen="+c.Metrics.Listen)
	}
	return nil
}
