// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/weirnet/weir/internal/agent"
	"github.com/weirnet/weir/internal/agent/privileged"
	"github.com/weirnet/weir/internal/config"
	"github.com/weirnet/weir/internal/dissect/protocols"
	"github.com/weirnet/weir/internal/export"
	"github.com/weirnet/weir/internal/export/metrics"
	"github.com/weirnet/weir/internal/export/outputs"
	"github.com/weirnet/weir/internal/export/stream"
	"github.com/weirnet/weir/internal/logging"
	"github.com/weirnet/weir/internal/sandbox"
)

// newExport returns the command of the process that exports records, which weir run itself starts.
func newExport() *cobra.Command {
	var to, listen []string
	var metricsListen string
	var owner uint32
	log := logging.Options{Program: "weir", Process: "export"}
	c := &cobra.Command{
		Use:    privileged.ExportCommand + " " + privileged.ExportFirst + "|" + privileged.ExportAgain,
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if !sandbox.Inside() {
				return errors.New("weir run starts this process itself")
			}
			plan, listeners, err := exportPlan(to, listen)
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
				Version: version, Log: logger, Release: agent.ReleaseMemory, Servers: servers(metricsListen),
				Listen: func(files map[string][]byte) ([]export.Server, error) {
					return newServers(listeners, sandbox.FirstFile+len(plan.Files), owner, files)
				}}); err != nil {
				return partialError{err}
			}
			return nil
		},
	}
	c.Flags().StringArrayVar(&to, "to", nil, "an output")
	c.Flags().StringVar(&metricsListen, "metrics-listen", "", "as of weir run")
	c.Flags().StringArrayVar(&listen, "listen", nil, "a listener")
	c.Flags().Uint32Var(&owner, "owner", 0, "the user who started weir run")
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

// exportPlan reads the URLs of outputs and listeners. The plan has the files of both.
func exportPlan(to, listen []string) (*export.Plan, []*stream.Listener, error) {
	plan, err := export.NewPlan(outputs.Kinds(), to)
	if err != nil {
		return nil, nil, err
	}
	var listeners []*stream.Listener
	for _, text := range listen {
		l, err := stream.Parse(text)
		if err != nil {
			return nil, nil, fmt.Errorf("export.listen: %q: %w", text, err)
		}
		if slices.ContainsFunc(listeners, func(o *stream.Listener) bool { return o.Address == l.Address }) {
			return nil, nil, fmt.Errorf("export.listen: %q: another one listens there, too", text)
		}
		for _, f := range l.Files() {
			if !slices.Contains(plan.Files, f) {
				plan.Files = append(plan.Files, f)
			}
		}
		listeners = append(listeners, l)
	}
	return plan, listeners, nil
}

// newServers makes the listeners' servers of the sockets that the process inherits from a descriptor on.
func newServers(listeners []*stream.Listener, first int, owner uint32, files map[string][]byte) ([]export.Server,
	error) {
	o := &stream.Options{Owner: owner, Files: files, Version: version}
	for _, p := range protocols.All() {
		o.Protocols = append(o.Protocols, p.Name)
	}
	var all []export.Server
	for i, l := range listeners {
		s, err := stream.NewServer(l, os.NewFile(uintptr(first+i), l.String()), o)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

// setExport makes the plan of what leaves weir besides reports.
func setExport(o *agent.Options, c *config.Config) error {
	plan, listeners, err := exportPlan(c.Export.To, c.Export.Listen)
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
	if len(listeners) > 0 {
		o.Export.Args = append(o.Export.Args, fmt.Sprintf("--owner=%d", os.Geteuid()))
	}
	for _, l := range listeners {
		o.Export.Args = append(o.Export.Args, "--listen="+l.Resolved())
		o.Export.Sockets = append(o.Export.Sockets, l.Open)
	}
	return nil
}
