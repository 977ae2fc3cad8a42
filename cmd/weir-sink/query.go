// SPDX-License-Identifier: Apache-2.0

//go:build cgo

package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/weirnet/weir/internal/sink/query"
)

func newQuery() *cobra.Command {
	var asJSON, asCSV bool
	c := &cobra.Command{
		Use:   "query WORD...",
		Short: "Ask the sink what went through the network",
		Long: `Asks the running sink, and prints the answer as a table. A question is one of

  top [DIMENSION]       the largest; DIMENSION is app (default), proto, category, device, host, net, port,
                        direction or agent
  series [DIMENSION]    bytes over time, of all or of the largest
  flows                 flows, the newest first
  devices, agents       with their traffic, and their last report

and after it, as many as needed of

  since 24h             the time range that ends now: 1m to 90d (default 1h)
  from TIME, to TIME    another time range, RFC 3339
  limit 20              rows, or lines of a series
  sort flows            of top: by bytes (default), flows or packets
  step 5m               of series: time between two rows
  agent NAME            of devices: those that this agent sees
  where FILTER          only some flows; all that follows is the filter (docs/FILTER.md)`,
		Example: `  weir-sink query top app since 24h
  weir-sink query 'top host since 7d limit 20 where dev:@printer'
  weir-sink query 'flows where risk:smb1 OR bytes>1G'
  weir-sink query --csv flows since 1d limit 1000 > flows.csv`,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return c.Help()
			}
			format := query.Table
			switch {
			case asJSON:
				format = query.JSON
			case asCSV:
				format = query.CSV
			}
			client := query.Client{Sink: dial(c)}
			return client.Run(c.Context(), strings.Join(args, " "), format, c.OutOrStdout())
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON, as the API answers")
	c.Flags().BoolVar(&asCSV, "csv", false, "print CSV (of top and flows)")
	c.MarkFlagsMutuallyExclusive("json", "csv")
	return c
}
