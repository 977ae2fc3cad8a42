// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/weirnet/weir/internal/agent/privileged"
	"github.com/weirnet/weir/internal/capture/libpcap"
	"github.com/weirnet/weir/internal/usage"
)

// newLibpcapCapture returns the command of mode libpcap's capturing process, which weir itself starts.
func newLibpcapCapture() *cobra.Command {
	return &cobra.Command{
		Use:    privileged.LibpcapCommand,
		Hidden: true,
		Args:   usage.NoArguments,
		RunE:   func(*cobra.Command, []string) error { return libpcap.Capture(os.Stdin, os.Stdout) },
	}
}
