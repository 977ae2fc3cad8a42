// SPDX-License-Identifier: Apache-2.0

package main

import "github.com/weirnet/weir/internal/usage"

// The errors of a command line are those of all of weir's programs.
var (
	needs       = usage.Needs
	noArguments = usage.NoArguments
	flagError   = usage.FlagError
)
