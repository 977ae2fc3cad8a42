// SPDX-License-Identifier: Apache-2.0

// Command weir tells what the flows through a Linux gateway are.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weirnet/weir/internal/sandbox"
)

// Exit statuses. Everything that could be done was done, for 0 and 1.
const (
	exitOK      = 0 // also with a warning
	exitPartial = 1 // input that broke off, or an interruption: what could be read was reported
	exitUsage   = 2 // nothing was done (bad flags, no such file), or the output can't be written
)

// partialError is an error after which what came before it still counts.
type partialError struct{ error }

func (e partialError) Unwrap() error { return e.error }

// statusError ends weir with a status of another process, which has said why.
type statusError int

func (e statusError) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

func main() {
	sandbox.Init()
	os.Exit(run(os.Args[1:], newOutput(), os.Stderr))
}

func run(args []string, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.Execute()
	if out, ok := stdout.(*output); ok && err == nil && out.err != nil {
		err = fmt.Errorf("write output: %w", out.err)
	}
	if err == nil {
		return exitOK
	}
	var status statusError
	if errors.As(err, &status) {
		return int(status)
	}
	for line := range strings.Lines(err.Error()) {
		fmt.Fprintln(stderr, "weir:", strings.TrimSuffix(line, "\n"))
	}
	var partial partialError
	if errors.As(err, &partial) {
		return exitPartial
	}
	return exitUsage
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "weir",
		Short: "Say what the flows through a Linux gateway are",
		Long: "weir names the protocol and the application of every flow, on live interfaces and in " +
			"capture files.",
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          noArguments,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetFlagErrorFunc(flagError)
	root.Version = version
	root.SetVersionTemplate("weir {{.Version}}\n")
	root.AddCommand(newRun(), newTop(), newCheck(programsLoad), newExplain(), newHosts(), newLibpcapCapture(),
		newReplay(), newCatalog(), newConfig(), newVersion())
	return root
}
