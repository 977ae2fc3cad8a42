// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/weirnet/weir/internal/dissect"
	"github.com/weirnet/weir/internal/dissect/protocols"
	"github.com/weirnet/weir/internal/usage"
)

// version is set by the Makefile (-ldflags -X).
var version = "development"

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version and the features of this build",
		Args:  usage.NoArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := fmt.Fprintf(c.OutOrStdout(), "weir %s %s %s/%s\nfilter expressions: %s\nprotocols: %d\n",
				version, runtime.Version(), runtime.GOOS, runtime.GOARCH, filterSupport,
				len(dissect.NewTable(protocols.All()).Names()))
			return err
		},
	}
}
