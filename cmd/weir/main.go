// SPDX-License-Identifier: Apache-2.0

// Command weir identifies the flows through a Linux gateway.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/weirnet/weir/internal/sandbox"
	"github.com/weirnet/weir/internal/usage"
)

// Exit statuses. With 0 and 1 weir has done what it could.
const (
	exitOK      = 0 // even with a warning
	exitPartial = 1 // truncated input, or an interruption: the readable part is reported
	exitUsage   = 2 // nothing was done (bad flags, no such file), or the output cannot be written
)

// partialError is an error that leaves earlier results valid.
type partialError struct{ error }

func (e partialError) Unwrap() error { return e.error }

// statusError ends weir with the status of another process, which has reported the reason.
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
	usage.Print(stderr, "weir", err)
	var partial partialError
	if errors.As(err, &partial) {
		return exitPartial
	}
	return exitUsage
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "weir",
		Short: "Identify the flows through a Linux gateway",
		Long: "weir names the protocol and the application of every flow, on live interfaces and in " +
			"capture files.",
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          usage.NoArguments,
	}
	root.SetFlagErrorFunc(usage.FlagError)
	// cobra's own --version needs text/template, which makes the linker keep every method: a quarter of the program
	isVersion := root.Flags().BoolP("version", "v", false, "version of weir")
	root.RunE = func(c *cobra.Command, _ []string) error {
		if *isVersion {
			_, err := fmt.Fprintln(c.OutOrStdout(), "weir", version)
			return err
		}
		return c.Help()
	}
	root.AddCommand(newRun(), newTop(), newCheck(programsLoad, socketsTell), newExplain(), newFlows(), newHosts(),
		newStatus(), newReload(), newRestart(), newEnrol(), newShip(), newExport(), newLibpcapCapture(),
		newProtocols(), newReplay(), newReport(), newCatalog(), newConfig(), newVersion(), newManual())
	return root
}
