// SPDX-License-Identifier: Apache-2.0

//go:build cgo

package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/weirnet/weir/internal/usage"
)

func newLink() *cobra.Command {
	return &cobra.Command{
		Use:   "link",
		Short: "Print a new link to the page",
		Long: "Prints a link that opens the page in one browser. It is valid once, for 15 minutes, and only on this " +
			"machine: from another one, forward the port first (ssh -L 8080:127.0.0.1:8080 SINK).",
		Example: "  weir-sink link",
		Args:    usage.NoArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			url, err := dial(c).Link(c.Context())
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(c.OutOrStdout(), url)
			return err
		},
	}
}
