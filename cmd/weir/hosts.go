// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirnet/weir/internal/control"
	"github.com/weirnet/weir/internal/hosts"
	"github.com/weirnet/weir/internal/usage"
)

func newHosts() *cobra.Command {
	var socket string
	var asJSON bool
	c := &cobra.Command{
		Use:   "hosts [flags]",
		Short: "List the devices of the LAN that the running weir knows",
		Long: `List the devices of the LAN: their addresses, their names and the protocols that announced them,
the vendor of the network card, and what they seem to be, the one seen last first. --json adds the
evidence, and when each address was seen.

Exit status: 0 with a list, 1 if no weir answers, 2 for wrong usage.`,
		Example: `  weir hosts
  weir hosts --json | jq '.[] | select(.kind.value == "printer")'`,
		Args: usage.NoArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			answer, err := ask(socket, &control.Request{Hosts: true})
			if err != nil {
				return partialError{err}
			}
			var all []hosts.Host
			if err := json.Unmarshal(answer.Hosts, &all); err != nil {
				return partialError{fmt.Errorf("read weir's answer: %w", err)}
			}
			for i := range all {
				makePrintable(&all[i])
			}
			if asJSON {
				encoder := json.NewEncoder(c.OutOrStdout())
				encoder.SetIndent("", "  ")
				return encoder.Encode(all)
			}
			return writeHosts(c.OutOrStdout(), all, time.Now())
		},
	}
	c.Flags().StringVar(&socket, "socket", control.DefaultPath(), "the running weir's socket")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON, with all details")
	return c
}

// makePrintable escapes terminal commands in a device's texts, which come from the network.
func makePrintable(h *hosts.Host) {
	texts := []*string{&h.MAC, &h.Vendor, &h.Interface}
	for i := range h.Names {
		texts = append(texts, &h.Names[i].Name, &h.Names[i].Source)
	}
	for _, g := range []*hosts.Guess{h.OS, h.Kind} {
		if g == nil {
			continue
		}
		texts = append(texts, &g.Value)
		for i := range g.Evidence {
			texts = append(texts, &g.Evidence[i])
		}
	}
	for _, text := range texts {
		*text = control.Printable(*text)
	}
}

func writeHosts(out io.Writer, all []hosts.Host, now time.Time) error {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	// of a text from the network: a longer one would widen the column of all rows; --json has it whole
	const widest = 40
	fmt.Fprintln(w, "NAME\tADDRESS\tMAC\tVENDOR\tKIND\tSYSTEM\tSEEN\tON")
	for i := range all {
		h := &all[i]
		name := "-"
		if len(h.Names) > 0 {
			name = h.Names[0].Name
		}
		vendor := orNone(h.Vendor)
		if h.RandomMAC {
			vendor = "(random address)"
		}
		on := orNone(h.Interface)
		if h.Router.IsValid() {
			on += " behind " + h.Router.String()
		}
		kind := guessText(h.Kind)
		if h.IsRouter && h.Kind == nil {
			kind = "router"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", cutEnd(name, widest), mainAddress(h), orNone(h.MAC),
			cutEnd(vendor, widest), cutEnd(kind, widest),
			cutEnd(guessText(h.OS), widest),
			agoText(now.Sub(h.LastSeen)), on)
	}
	return w.Flush()
}

// mainAddress returns the most informative address: IPv4 before IPv6, link-local ones last; and the number of the
// others.
func mainAddress(h *hosts.Host) string {
	best, rank := "-", 9
	for _, a := range h.Addresses {
		r := 1
		switch {
		case a.IP.IsLinkLocalUnicast():
			r = 2
		case a.IP.Is4():
			r = 0
		}
		if r < rank {
			best, rank = a.IP.String(), r
		}
	}
	if n := len(h.Addresses) - 1; n > 0 {
		best += fmt.Sprintf(" (+%d)", n)
	}
	return best
}

func guessText(g *hosts.Guess) string {
	if g == nil {
		return "-"
	}
	return fmt.Sprintf("%s (%d %%)", g.Value, g.Confidence)
}

// agoText formats the time since an event.
func agoText(d time.Duration) string {
	switch {
	case d < time.Minute:
		return "now"
	case d < time.Hour:
		return fmt.Sprintf("%d min ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h ago", int(d.Hours()))
	}
	return strings.TrimSpace(fmt.Sprintf("%d days ago", int(d.Hours()/24)))
}
