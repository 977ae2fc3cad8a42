// SPDX-License-Identifier: Apache-2.0

//go:build cgo

package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirnet/weir/internal/sink/doctor"
	"github.com/weirnet/weir/internal/sink/query"
	"github.com/weirnet/weir/internal/usage"
)

func newDoctor() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Check the sink, and say what to do",
		Long: "Checks the data folder, disk, certificate, queue and store, whether the sink runs, its agents and the " +
			"clock. Each line is ok, or says what to do.\n\n" +
			"Exit status: 0 if all is well, 1 if something is to be done.",
		Example: "  weir-sink doctor\n  weir-sink doctor --data /srv/weir",
		Args:    usage.NoArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			bad := 0
			for _, f := range doctor.Examine(c.Context(), folder(c), query.Client{Sink: dial(c)}, time.Now()) {
				if !f.IsGood() {
					bad++
				}
				if _, err := fmt.Fprintln(c.OutOrStdout(), f.String()); err != nil {
					return err
				}
			}
			if bad > 0 {
				return toDoError(bad)
			}
			return nil
		},
	}
}

// toDoError is the number of findings that are to be dealt with.
type toDoError int

func (e toDoError) Error() string {
	return fmt.Sprintf("%d of the checks found something to do", int(e))
}
