// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/probe"
	"github.com/weirnet/weir/internal/record"
	"github.com/weirnet/weir/internal/survey"
	"github.com/weirnet/weir/internal/topology"
)

// checked holds all findings of weir check.
type checked struct {
	*probe.Report
	Losses  *losses  `json:"losses"`
	Traffic *traffic `json:"traffic,omitempty"` // with --listen
}

// traffic describes the captured traffic, and the LAN's networks in it.
type traffic struct {
	Interfaces []string  `json:"interfaces"`
	Packets    uint64    `json:"packets"`
	Dropped    uint64    `json:"dropped,omitempty"`
	Networks   []network `json:"networks"`
	// Proposed lists the networks to name as the LAN's, if any of them now counts as WAN.
	Proposed []string `json:"proposed"`
}

// network is a network in the traffic, and the side on which weir run would place it.
type network struct {
	survey.Network
	Side string `json:"side"`
	Why  string `json:"why"`
}

// listenTo listens to the interfaces that weir run would watch, without those of the WAN if others remain.
func listenTo(r *probe.Report, sides topology.Sides, d time.Duration, stderr io.Writer) (*traffic, error) {
	t := &traffic{Networks: []network{}, Proposed: []string{}}
	indices := t.choose(r.Interfaces, record.SideWAN.String())
	if len(indices) == 0 {
		indices = t.choose(r.Interfaces, "")
	}
	if len(indices) == 0 {
		return nil, errors.New("no interface to listen to is up; name one with --interface")
	}
	now, err := topology.Now(sides)
	if err != nil {
		return nil, err
	}
	plainLogger(stderr).Infof("listening to %s for %s", strings.Join(t.Interfaces, ", "), d)
	heard, err := survey.Listen(indices, d, os.Args[1:])
	if errors.Is(err, unix.EPERM) {
		return nil, fmt.Errorf("no right to listen to %s: run as root, or give weir CAP_NET_RAW",
			strings.Join(t.Interfaces, ", "))
	}
	if err != nil {
		return nil, err
	}
	t.Packets, t.Dropped = heard.Packets, heard.Dropped
	t.place(heard.Networks, now)
	return t, nil
}

// choose selects the watched interfaces that are up and not of the given side.
func (t *traffic) choose(all []probe.Interface, not string) (indices []uint32) {
	for _, i := range all {
		if i.Chosen && i.Up && (not == "" || i.Side != not) {
			indices = append(indices, i.Index)
			t.Interfaces = append(t.Interfaces, i.Name)
		}
	}
	return indices
}

// place sets the networks' present sides. Once one network is set, addresses without a route are WAN: so weir check
// proposes all networks that are only assumed to be LAN, too.
func (t *traffic) place(found []survey.Network, now *topology.Network) {
	var assumed []string
	wrong := false
	for _, n := range found {
		addr := n.Prefix.Addr().Next() // the first is no host's, and may have a route of its own
		side, why := now.Explain(addr, "")
		t.Networks = append(t.Networks, network{n, side.String(), why})
		if now.IsAssumed(addr) {
			assumed = append(assumed, n.Prefix.String())
			wrong = wrong || side == record.SideWAN
		}
	}
	if wrong {
		t.Proposed = assumed
	}
}

func writeTraffic(w io.Writer, t *traffic) {
	fmt.Fprintf(w, "\nTRAFFIC\t%d packets on %s", t.Packets, strings.Join(t.Interfaces, ", "))
	fmt.Fprintln(w, onlyIf(t.Dropped > 0, fmt.Sprintf(", and %d more were dropped: the ring was full", t.Dropped)))
	if t.Packets == 0 {
		fmt.Fprintln(w, "no packets; at a mirror port: is mirroring on, and is this the right port?")
		return
	}
	if len(t.Networks) == 0 {
		fmt.Fprintln(w, "they show no network of a LAN")
		return
	}
	fmt.Fprintln(w, "NETWORK\tADDRESSES\tSHOWN BY\tSIDE\tWHY")
	for _, n := range t.Networks {
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\n", n.Prefix, n.Addresses, strings.Join(n.ShownBy, ", "), n.Side, n.Why)
	}
}

// fixSides returns the remedy for flows on no side or on the wrong one.
func fixSides(c *checked) string {
	switch {
	case c.Traffic != nil && len(c.Traffic.Proposed) > 0:
		return "if these networks are your LAN: weir run --lan-network " + strings.Join(c.Traffic.Proposed,
			" --lan-network ")
	case c.Traffic == nil:
		for _, i := range c.Interfaces {
			if i.Chosen && i.Up && i.Side == "" {
				return "no route leads to " + i.Name + "; if it is a mirror port, weir check --listen 1m -i " + i.Name +
					" finds the LAN's networks in the traffic"
			}
		}
	}
	return ""
}
