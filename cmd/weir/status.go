// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirnet/weir/internal/config/defaults"
	"github.com/weirnet/weir/internal/control"
	"github.com/weirnet/weir/internal/ship"
	"github.com/weirnet/weir/internal/ship/enrol"
	"github.com/weirnet/weir/internal/ship/spool"
	"github.com/weirnet/weir/internal/usage"
)

// agentStatus is all that weir status tells.
type agentStatus struct {
	Running *control.Status `json:"running,omitempty"` // nil: no weir answers
	Sink    *sinkStatus     `json:"sink,omitempty"`    // nil: not enrolled, or not to be read
	Spool   *spoolStatus    `json:"spool,omitempty"`   // on disk; nil: there is none
	Notes   []string        `json:"notes,omitempty"`   // why something is missing

	isSilent bool // one runs, and does not answer
}

type sinkStatus struct {
	URL   string `json:"url"`
	Name  string `json:"name"`
	Agent string `json:"agent"`
}

type spoolStatus struct {
	Reports int   `json:"reports"`
	Bytes   int64 `json:"bytes"`
}

func newStatus() *cobra.Command {
	var socket, state string
	var asJSON bool
	c := &cobra.Command{
		Use:   "status [flags]",
		Short: "Show what the running weir watches, and what becomes of its reports",
		Long: `Show what the running weir watches, whether its sink takes the reports, how many wait, and how many
are lost. Without a running weir, status shows the sink and the waiting reports in --state-dir.

Exit status: 0 if a weir answers, 1 if none does, 2 for wrong usage.`,
		Example: `  weir status
  weir status --json | jq .running.uplink.queued`,
		Args: usage.NoArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			s, err := findStatus(socket, state)
			if asJSON {
				encoder := json.NewEncoder(c.OutOrStdout())
				encoder.SetIndent("", "  ")
				if e := encoder.Encode(s); e != nil {
					return e
				}
			} else if e := writeStatus(c.OutOrStdout(), s); e != nil {
				return e
			}
			if err != nil {
				return partialError{err}
			}
			return nil
		},
	}
	c.Flags().StringVar(&socket, "socket", control.DefaultPath(), "the running weir's socket")
	c.Flags().StringVar(&state, "state-dir", defaults.StateDir, "directory with the agent's key, sink and reports")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// findStatus queries the running weir, and reads the state folder. The error says why no weir answered.
func findStatus(socket, state string) (*agentStatus, error) {
	s := new(agentStatus)
	answer, askErr := ask(socket, &control.Request{Status: true})
	if askErr == nil {
		if askErr = json.Unmarshal(answer.Status, &s.Running); askErr != nil {
			askErr = fmt.Errorf("read weir's answer: %w", askErr)
		}
	}
	s.isSilent = askErr != nil && !errors.Is(askErr, control.ErrNotRunning)
	sink, _, err := enrol.Load(filepath.Join(state, ship.UplinkFolder))
	switch {
	case err == nil:
		s.Sink = &sinkStatus{URL: sink.URL, Name: sink.Name, Agent: sink.Agent}
	case errors.Is(err, enrol.ErrNotEnrolled):
		s.Notes = append(s.Notes, "no sink: this agent has not enrolled (weir enrol)")
	default:
		s.Notes = append(s.Notes, "the sink can't be read: "+err.Error())
	}
	count, bytes, err := spool.Waiting(filepath.Join(state, ship.SpoolFolder))
	switch {
	case err == nil:
		s.Spool = &spoolStatus{Reports: count, Bytes: bytes}
	case !errors.Is(err, os.ErrNotExist):
		s.Notes = append(s.Notes, "the spool can't be read: "+err.Error())
	}
	return s, askErr
}

// writeStatus prints for people. The texts come from another process and from files.
func writeStatus(w io.Writer, s *agentStatus) error {
	var b strings.Builder
	line := func(what, format string, values ...any) {
		fmt.Fprintf(&b, "%-10s %s\n", what, control.Printable(fmt.Sprintf(format, values...)))
	}
	if r := s.Running; r != nil {
		line("weir", "has been running for %s, in mode %s",
			time.Duration(min(max(r.Seconds, 0), 1<<32))*time.Second, r.Mode)
		line("watching", "%s: %d packets in %d flows", cmp.Or(strings.Join(r.Interfaces, ", "), "nothing"),
			r.Packets, r.Flows)
	} else if s.isSilent {
		line("weir", "does not tell how it is")
	} else {
		line("weir", "is not running")
	}
	if s.Sink != nil {
		line("sink", "%s, which knows this agent as %s (%s)", s.Sink.URL, s.Sink.Name, s.Sink.Agent)
	}
	switch {
	case s.Running != nil && s.Running.Uplink != nil:
		writeUplink(line, s.Running.Uplink)
	case s.Running != nil:
		line("reports", "go to no sink")
	case s.Spool != nil:
		line("queued", "%d reports, %s, until weir runs", s.Spool.Reports, bytesText(uint64(s.Spool.Bytes)))
	}
	if s.Running != nil && s.Running.Exported != nil {
		writeExported(line, s.Running.Exported)
	}
	for _, note := range s.Notes {
		line("note", "%s", note)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func writeUplink(line func(string, string, ...any), u *control.Uplink) {
	switch {
	case !u.Ready:
		line("uplink", "has not begun yet")
	case u.Connected:
		line("uplink", "connected: the sink took the last report")
	default:
		line("uplink", "not connected")
	}
	line("queued", "%d reports, %s", u.Queued, bytesText(u.SpoolBytes))
	line("lost", "%d reports, %d refused by the sink", u.Lost, u.Refused)
	if u.Problem != "" {
		line("problem", "%s", u.Problem)
	}
}

func writeExported(line func(string, string, ...any), e *control.Exported) {
	for i := range e.Outputs {
		o := &e.Outputs[i]
		line("output", "%s: %d records written, %d wait, %d dropped by the full queue, %d failed", o.To, o.Written,
			o.Waiting, o.Dropped, o.Failed)
		if o.Problem != "" {
			line("problem", "%s", o.Problem)
		}
	}
	for i := range e.Listeners {
		l := &e.Listeners[i]
		if l.Limit == 0 {
			line("listening", "%s", l.At)
		} else {
			line("listening", "%s: %d of at most %d clients", l.At, l.Clients, l.Limit)
		}
	}
	if e.Dropped+e.Unread > 0 {
		line("missed", "%d records, which export read too slowly, and %d lines, which it can't read", e.Dropped,
			e.Unread)
	}
}
