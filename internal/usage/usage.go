// SPDX-License-Identifier: Apache-2.0

// Package usage has the errors of a command line, in weir's own words: the mistake, and what to write instead.
package usage

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/weirnet/weir/internal/config"
)

// Print prints an error for people, each line of it after the program's name.
func Print(to io.Writer, program string, err error) {
	for line := range strings.Lines(err.Error()) {
		fmt.Fprintf(to, "%s: %s\n", program, strings.TrimSuffix(line, "\n"))
	}
}

// Needs requires exactly one argument, or with more at least one; what is its name in the usage line.
func Needs(what string, more bool) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		switch {
		case len(args) == 0:
			return fmt.Errorf("%s needs an argument: %s (%s --help)", c.CommandPath(), what, c.CommandPath())
		case len(args) > 1 && !more:
			return fmt.Errorf("%s takes one argument, %s, not %d", c.CommandPath(), what, len(args))
		}
		return nil
	}
}

// NoArguments refuses arguments. A command with sub-commands suggests the one that may have been meant.
func NoArguments(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if !c.HasSubCommands() {
		return fmt.Errorf("%s takes no argument such as %q (%s --help)", c.CommandPath(), args[0], c.CommandPath())
	}
	var names []string
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() {
			names = append(names, sub.Name())
		}
	}
	if meant := nearest(args[0], names); meant != "" {
		return fmt.Errorf("%s has no command %q; did you mean %q?", c.CommandPath(), args[0], meant)
	}
	return fmt.Errorf("%s has no command %q; it has %s", c.CommandPath(), args[0], strings.Join(names, ", "))
}

// FlagError describes a mistake in a flag.
func FlagError(c *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	var bare *pflag.ValueRequiredError
	var invalid *pflag.InvalidValueError
	switch {
	case errors.Is(err, pflag.ErrHelp):
		return err
	case errors.As(err, &unknown):
		return unknownFlag(c, unknown.GetSpecifiedName(), unknown.GetSpecifiedShortnames())
	case errors.As(err, &bare):
		return fmt.Errorf("--%s needs a value: %s", bare.GetFlag().Name, valueOf(bare.GetFlag()))
	case errors.As(err, &invalid):
		f := invalid.GetFlag()
		if f.Value.Type() == "func" || f.Value.Type() == "value" {
			return fmt.Errorf("--%s: %w", f.Name, invalid.Unwrap()) // weir's own check
		}
		return fmt.Errorf("--%s %s: must be %s", f.Name, invalid.GetValue(), valueOf(f))
	}
	return fmt.Errorf("%w (%s --help)", err, c.CommandPath())
}

func unknownFlag(c *cobra.Command, name, short string) error {
	if short != "" {
		return fmt.Errorf("%s has no flag -%s (%s --help)", c.CommandPath(), name, c.CommandPath())
	}
	var names []string
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	if meant := nearest(name, names); meant != "" {
		return fmt.Errorf("%s has no flag --%s; did you mean --%s?", c.CommandPath(), name, meant)
	}
	return fmt.Errorf("%s has no flag --%s (%s --help)", c.CommandPath(), name, c.CommandPath())
}

// valueOf describes a flag's value.
func valueOf(f *pflag.Flag) string {
	switch f.Value.Type() {
	case "int":
		return "a number"
	case "intSlice":
		return "numbers with commas between, such as 0,2"
	case "duration":
		return "a time such as 30s, 5m or 1h"
	case "bool":
		return "true or false"
	}
	return f.Usage
}

// nearest returns the most similar name: one that begins with the given text, or with at most a third of its letters
// changed; "" if none is.
func nearest(given string, names []string) string {
	best, least := "", max(len(given)/3, 1)+1
	for _, name := range slices.Sorted(slices.Values(names)) {
		if len(given) >= 2 && strings.HasPrefix(name, given) {
			return name
		}
		if d := config.EditDistance(given, name); d < least {
			best, least = name, d
		}
	}
	return best
}
