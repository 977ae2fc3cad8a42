// SPDX-License-Identifier: Apache-2.0

//go:build cgo

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/weirnet/weir/internal/sink/control"
	"github.com/weirnet/weir/internal/usage"
)

func newAgent() *cobra.Command {
	c := &cobra.Command{
		Use:   "agent",
		Short: "Enrol, list and revoke agents",
		Args:  usage.NoArguments,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newAgentEnrol(), newAgentList(), newAgentRevoke())
	return c
}

func newAgentEnrol() *cobra.Command {
	return &cobra.Command{
		Use:   "enrol NAME",
		Short: "Print the command by which an agent joins this sink",
		Long: "Prints the command to run on the gateway. Its code is valid once, for an hour; it also says by which " +
			"certificate authority to know this sink. NAME is what the page calls the agent.",
		Example: "  weir-sink agent enrol home-gateway",
		Args:    usage.Needs("a name for the agent", false),
		RunE: func(c *cobra.Command, args []string) error {
			code, err := dial(c).NewCode(c.Context(), args[0])
			if err != nil {
				return err
			}
			fmt.Fprintf(c.ErrOrStderr(), "weir-sink: run this on the gateway until %s:\n",
				code.Expires.Local().Format("15:04"))
			_, err = fmt.Fprintln(c.OutOrStdout(), code.Command)
			return err
		},
	}
}

func newAgentList() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:     "list",
		Short:   "List the agents that have enrolled",
		Example: "  weir-sink agent list\n  weir-sink agent list --json | jq -r '.[].name'",
		Args:    usage.NoArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			all, err := dial(c).Agents(c.Context())
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(c.OutOrStdout()).Encode(all)
			}
			return writeAgents(c.OutOrStdout(), all, time.Now())
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func writeAgents(out io.Writer, all []control.Agent, now time.Time) error {
	if len(all) == 0 {
		_, err := fmt.Fprintln(out, "no agent has enrolled: weir-sink agent enrol NAME prints the command for one")
		return err
	}
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tNAME\tVERSION\tENROLLED\tLAST REPORT\tMISSING")
	for _, a := range all {
		last := "never"
		if a.LastReport != nil {
			last = now.Sub(*a.LastReport).Truncate(time.Second).String() + " ago"
		}
		if a.Revoked != nil {
			last = "revoked " + a.Revoked.Local().Format(time.DateTime)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", a.ID, printable(a.Name), printable(a.Version),
			a.Enrolled.Local().Format(time.DateTime), last, strconv.FormatUint(a.Missing, 10))
	}
	return w.Flush()
}

// printable replaces what a terminal would act upon: the version comes from the agent.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, text)
}

func newAgentRevoke() *cobra.Command {
	return &cobra.Command{
		Use:   "revoke ID|NAME",
		Short: "Take no more reports of an agent",
		Long: "The sink refuses the agent's reports from now on. What it has reported stays. To let it report again, " +
			"enrol it again.",
		Example: "  weir-sink agent revoke home-gateway",
		Args:    usage.Needs("an agent's id or name (weir-sink agent list)", false),
		RunE: func(c *cobra.Command, args []string) error {
			a, err := dial(c).Revoke(c.Context(), args[0])
			if err != nil {
				return fmt.Errorf("%s: %w (weir-sink agent list)", args[0], err)
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "revoked %s %s\n", a.ID, printable(a.Name))
			return err
		},
	}
}
