// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/weirnet/weir/internal/dissect"
	"github.com/weirnet/weir/internal/dissect/protocols"
)

func newProtocols() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:   "protocols [TEXT]",
		Short: "List the protocols that weir recognises, with what it learns of each",
		Long: `List the protocols that weir recognises by inspection: category, transports, the ports where it looks
first (any: the first bytes suffice, at any port), the specification, and the members of the flow record
that it may fill. TEXT selects those that contain it.`,
		Example: `  weir protocols
  weir protocols tls
  weir protocols --output json | jq '.[] | select(.category == "industrial") | .protocol'`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := checkOutput(&output, c.OutOrStdout(), "table", "json"); err != nil {
				return err
			}
			all := dissect.NewTable(protocols.All()).Summaries()
			if len(args) == 1 {
				text := strings.ToLower(args[0])
				all = slices.DeleteFunc(all, func(s dissect.Summary) bool { return !summaryHas(&s, text) })
				if len(all) == 0 {
					return fmt.Errorf("no protocol has %q in its name, category or specification", args[0])
				}
			}
			return writeProtocols(c.OutOrStdout(), all, output)
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "table", "table or json")
	_ = c.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"table", "json"},
		cobra.ShellCompDirectiveNoFileComp))
	return c
}

// summaryHas reports whether a protocol's name, category or specification has a text, in lower case.
func summaryHas(s *dissect.Summary, text string) bool {
	return strings.Contains(s.Slug, text) || strings.Contains(s.Category, text) ||
		strings.Contains(strings.ToLower(s.Specification), text)
}

func writeProtocols(out io.Writer, all []dissect.Summary, output string) error {
	if output == "json" {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		return encoder.Encode(all)
	}
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "PROTOCOL\tCATEGORY\tOVER\tPORTS\tSPECIFICATION\tLEARNS")
	for i := range all {
		s := &all[i]
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", s.Slug, s.Category, strings.Join(s.Transports, " "),
			cutEnd(orNone(s.PortsText()), 24), cutEnd(s.Specification, 40), orNone(learns(s)))
	}
	return w.Flush()
}

// learns lists a protocol's members: those of its own object without the object's name.
func learns(s *dissect.Summary) string {
	own := strings.ReplaceAll(s.Slug, "-", "_") + "."
	names := make([]string, len(s.Members))
	for i, m := range s.Members {
		names[i] = strings.TrimPrefix(m, own)
	}
	return strings.Join(names, " ")
}
