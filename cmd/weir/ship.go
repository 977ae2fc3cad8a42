// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/weirnet/weir/internal/agent"
	"github.com/weirnet/weir/internal/agent/privileged"
	"github.com/weirnet/weir/internal/sandbox"
	"github.com/weirnet/weir/internal/ship"
)

// newShip returns the command of the process that stores and sends reports, which weir run itself starts.
func newShip() *cobra.Command {
	return &cobra.Command{
		Use:    privileged.ShipCommand + " DIRECTORY",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if !sandbox.Inside() {
				return errors.New("weir run starts this process itself")
			}
			tuneMemory()
			// The helper tells an error from a panic, whose status is 2.
			if err := ship.Run(args[0], version, logger(c.ErrOrStderr()), agent.ReleaseMemory); err != nil {
				return partialError{err}
			}
			return nil
		},
	}
}
