// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/weirnet/weir/internal/record"
	"github.com/weirnet/weir/internal/usage"
)

func newRisks() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use: "risks", Short: "List the risks that flow records name: how much each matters, what it means, what to do",
		Args:    usage.NoArguments,
		Example: "  weir catalog risks\n  weir catalog risks --output json | jq '.[] | select(.severity == \"high\")'",
		RunE: func(c *cobra.Command, _ []string) error {
			if err := checkOutput(&output, c.OutOrStdout(), "table", "json"); err != nil {
				return err
			}
			if output == "json" {
				encoder := json.NewEncoder(c.OutOrStdout())
				encoder.SetIndent("", "  ")
				return encoder.Encode(record.RiskList())
			}
			return writeRisks(c.OutOrStdout())
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "table", "table or json")
	_ = c.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"table", "json"},
		cobra.ShellCompDirectiveNoFileComp))
	return c
}

// writeRisks writes two lines for each risk, its meaning and the remedy, to fit a terminal's width.
func writeRisks(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "RISK\tSEVERITY\tMEANING, AND WHAT TO DO")
	for _, r := range record.RiskList() {
		fmt.Fprintf(w, "%s\t%s\t%s\n\t\t%s\n", r.Slug, r.Severity, r.Meaning, r.Advice)
	}
	return w.Flush()
}
