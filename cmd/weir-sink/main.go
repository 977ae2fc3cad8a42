// SPDX-License-Identifier: Apache-2.0

//go:build cgo

// Command weir-sink takes the reports of weir's agents, keeps them, and shows them on a page.
package main

import (
	"errors"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/weirnet/weir/internal/manual"
	"github.com/weirnet/weir/internal/sink/control"
	"github.com/weirnet/weir/internal/usage"
)

// Exit statuses.
const (
	exitOK    = 0
	exitToDo  = 1 // doctor found something
	exitUsage = 2 // nothing was done, or the sink failed; standard error says why
)

// version is set by the Makefile (-ldflags -X).
var version = "development"

// defaultFolder is where a sink keeps its data, unless --data says otherwise.
const defaultFolder = "/var/lib/weir-sink"

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.Execute()
	if err == nil {
		return exitOK
	}
	usage.Print(stderr, "weir-sink", err)
	var toDo toDoError
	if errors.As(err, &toDo) {
		return exitToDo
	}
	return exitUsage
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "weir-sink",
		Short: "Keep the reports of weir's agents, and show them",
		Long: "weir-sink serve takes the reports of weir's agents over TLS, keeps them in a database of its own, and " +
			"serves a page about them on this machine. The other commands speak with the running sink.",
		Example: "  weir-sink serve --data /var/lib/weir-sink\n  weir-sink agent enrol gateway\n  weir-sink link",
		Args:    usage.NoArguments,
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },

		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetFlagErrorFunc(usage.FlagError)
	root.PersistentFlags().String("data", defaultFolder, "the sink's data folder")
	root.AddCommand(newServe(), newAgent(), newQuery(), newDoctor(), newLink(), newVersion(), manual.Command(version))
	return root
}

// folder returns the value of --data.
func folder(c *cobra.Command) string {
	path, err := c.Flags().GetString("data")
	if err != nil {
		panic(err) // the flag is the root's
	}
	return path
}

// dial returns a client of the sink that runs on --data.
func dial(c *cobra.Command) *control.Client { return control.Dial(folder(c)) }
