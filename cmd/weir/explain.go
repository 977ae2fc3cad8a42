// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weirnet/weir/internal/agent"
	"github.com/weirnet/weir/internal/control"
	"github.com/weirnet/weir/internal/topology"
	"github.com/weirnet/weir/internal/usage"
)

func newExplain() *cobra.Command {
	var o agent.Options
	c := &cobra.Command{
		Use:   "explain [flags] FLOW-ID|ADDRESS|HOST|APPLICATION|END END",
		Short: "Explain in plain words why weir named and placed a flow as it did",
		Long: `Ask the running weir why a flow, or an address, has its values in the records: which route
makes an address LAN or WAN, which entry of the kernel's connection tracking shows who began the
connection and how NAT changed it, and what gave the protocol and application their names. Name a flow
by the id of its record or its first digits, by its two ends, or by its host, application or protocol:
of several the newest is explained, and the ids of the others follow.

If no weir is running, this machine's present routes explain an address.

Exit status: 0 with an explanation, 1 without one, 2 for wrong usage.`,
		Example: `  weir explain 192.168.1.20
  weir explain 5f0c9a1e                   the id of a record, or its beginning
  weir explain 192.168.1.20:51324 203.0.113.7:443
  weir explain youtube`,
		Args: usage.Needs("the id of a flow, an address, a host, an application or two ends", true),
		RunE: func(c *cobra.Command, args []string) error {
			lines, err := explain(&o, strings.Join(args, " "))
			if err != nil {
				return partialError{err}
			}
			return writeSentences(c.OutOrStdout(), lines...)
		},
	}
	c.Flags().StringVar(&o.Socket, "socket", control.DefaultPath(), "the running weir's socket")
	sideFlags(c.Flags(), &o)
	return c
}

func explain(o *agent.Options, what string) ([]string, error) {
	answer, err := ask(o.Socket, &control.Request{Explain: what})
	if err == nil {
		return answer.Lines, nil
	}
	a, notAddress := netip.ParseAddr(what)
	if !errors.Is(err, control.ErrNotRunning) || notAddress != nil {
		return nil, err
	}
	n, err := topology.Now(o.Sides)
	if err != nil {
		return nil, err
	}
	side, why := n.Explain(a, "")
	return []string{fmt.Sprintf("No weir is running; by this machine's present routes %s is %s: %s.", a, side,
		why)}, nil
}
