// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/weirnet/weir/internal/control"
	"github.com/weirnet/weir/internal/metric"
	"github.com/weirnet/weir/internal/probe"
	"github.com/weirnet/weir/internal/topology"
)

// losses lists what the interfaces and the running weir have lost.
type losses struct {
	Found []loss `json:"found"`
	// Running describes the weir that answered, or why none did.
	Running string `json:"running"`
}

// loss is one counter that is not 0.
type loss struct {
	Where string `json:"where"` // an interface, or weir
	Count uint64 `json:"count"`
	What  string `json:"what"`
	Do    string `json:"do"`
}

// findLosses reads the kernel's drops of the interfaces that weir run would watch, and queries the running weir's
// losses.
func findLosses(r *probe.Report, socket string) (*losses, error) {
	l := &losses{Found: []loss{}}
	statistics, err := topology.AllStatistics()
	if err != nil {
		return nil, err
	}
	for _, i := range r.Interfaces {
		if i.Chosen {
			l.Found = append(l.Found, interfaceLosses(i.Name, statistics[i.Index])...)
		}
	}
	l.ask(socket)
	return l, nil
}

func interfaceLosses(name string, s topology.Statistics) (found []loss) {
	for _, x := range []loss{
		{name, max(s.RxMissed, s.RxFifo), "packets lost by the card: its ring was full",
			"enlarge it: ethtool -G " + name + " rx 4096"},
		{name, s.RxDropped, "packets dropped by the kernel on receipt, or without a receiver (weir has seen those)",
			"raise net.core.netdev_max_backlog if it keeps rising"},
		{name, s.RxErrors, "broken frames received",
			"check the cable, the port and its duplex mode: ethtool -S " + name},
	} {
		if x.Count > 0 {
			found = append(found, x)
		}
	}
	return found
}

// ask adds the losses of the running weir, if there is one.
func (l *losses) ask(socket string) {
	answer, err := ask(socket, &control.Request{Counters: true})
	var c control.Counters
	if err == nil {
		err = json.Unmarshal(answer.Counters, &c)
	}
	switch {
	case errors.Is(err, control.ErrNotRunning):
		l.Running = "no weir is running"
		return
	case err != nil:
		l.Running = "cannot query the running weir: " + control.Printable(err.Error())
		return
	}
	seconds := min(max(c.Seconds, 0), 1<<32) // from another process
	l.Running = fmt.Sprintf("a weir has been running for %s, in mode %s", time.Duration(seconds)*time.Second,
		control.Printable(c.Mode))
	for i := range c.Readings {
		reading := &c.Readings[i]
		id, counter, ok := reading.Find()
		if !ok { // of a newer weir
			name := control.Printable(strings.TrimSpace(reading.Name + " " + reading.Cause))
			l.Found = append(l.Found, loss{"weir", reading.Value, name, "see docs/COUNTERS.md of that weir"})
		} else if counter.Class == metric.Loss {
			l.Found = append(l.Found, loss{"weir", reading.Value, counter.Help, metric.Remedy(id)})
		}
	}
}

func writeLosses(w io.Writer, l *losses) {
	fmt.Fprintln(w, "\nLOST ON\tHOW MANY\tWHAT\tWHAT TO DO")
	for _, x := range l.Found {
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\n", x.Where, x.Count, x.What, x.Do)
	}
	if len(l.Found) == 0 {
		fmt.Fprintln(w, "nothing\t0\t\t")
	}
	fmt.Fprintf(w, "(%s)\n", l.Running)
}
