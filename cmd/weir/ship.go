// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/weirnet/weir/internal/agent"
	"github.com/weirnet/weir/internal/agent/privileged"
	"github.com/weirnet/weir/internal/logging"
	"github.com/weirnet/weir/internal/sandbox"
	"github.com/weirnet/weir/internal/ship"
	"github.com/weirnet/weir/internal/ship/compress"
)

// newShip returns the command of the process that stores and sends reports, which weir run itself starts.
func newShip() *cobra.Command {
	log := logging.Options{Program: "weir", Process: "ship"}
	c := &cobra.Command{
		Use:    privileged.ShipCommand + " DIRECTORY COMPRESSION",
		Hidden: true,
		Args:   cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			if !sandbox.Inside() {
				return errors.New("weir run starts this process itself")
			}
			encoding, ok := compress.Parse(args[1])
			if !ok {
				return fmt.Errorf("no compression %q", args[1])
			}
			tuneMemory()
			logger, err := newLogger(c.ErrOrStderr(), log)
			if err != nil {
				return err
			}
			defer logger.Flush()
			// The helper tells an error from a panic, whose status is 2.
			if err := ship.Run(&ship.Options{Folder: args[0], Compression: encoding, Version: version,
				Log: logger, Release: agent.ReleaseMemory}); err != nil {
				return partialError{err}
			}
			return nil
		},
	}
	c.Flags().StringVar(&log.Format, "log-format", log.Format, "as of weir run")
	c.Flags().StringVar(&log.Level, "log-level", log.Level, "as of weir run")
	return c
}
