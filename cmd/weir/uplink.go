// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/weirnet/weir/internal/agent"
	"github.com/weirnet/weir/internal/config"
	"github.com/weirnet/weir/internal/control"
	"github.com/weirnet/weir/internal/report"
	"github.com/weirnet/weir/internal/ship"
	"github.com/weirnet/weir/internal/ship/enrol"
)

// chooseUplink returns the state folder of the uplink that the settings mean, "" for none, and a line for people.
func chooseUplink(c *config.Config) (folder, line string, err error) {
	if c.Uplink.Use == "off" {
		return "", "reports go to no sink (--uplink off)", nil
	}
	folder, err = filepath.Abs(c.Uplink.State)
	if err != nil {
		return "", "", fmt.Errorf("--state-dir: %w", err)
	}
	sink, _, err := enrol.Load(filepath.Join(folder, ship.UplinkFolder))
	switch {
	case errors.Is(err, enrol.ErrNotEnrolled) && c.Uplink.Use != "on":
		return "", "reports go to no sink: this agent has not enrolled (weir enrol)", nil
	case err != nil && c.Uplink.Use != "on":
		return "", "reports go to no sink: " + err.Error(), nil
	case err != nil:
		return "", "", fmt.Errorf("--uplink on: %w", err)
	}
	return folder, fmt.Sprintf("reports of %s go to %s each %s, and wait in %s while it is away",
		control.Printable(sink.Name), control.Printable(sink.URL), c.Report.Every,
		filepath.Join(folder, ship.SpoolFolder)), nil
}

// setUplink decides on the uplink, which weir says when it begins, and returns the decision as arguments for the
// confined process, which can't read the state folder.
func setUplink(o *agent.Options, c *config.Config) (args []string, err error) {
	folder, line, err := chooseUplink(c)
	if err != nil {
		return nil, err
	}
	o.Begins = func() { o.Log.Infof("%s", line) }
	o.Compression = c.Uplink.Compression
	if o.Uplink = folder; folder == "" {
		return []string{"--uplink=off"}, nil
	}
	return []string{"--uplink=on"}, nil
}

// uplinkEnd bounds the wait for the process that stores reports, at the end.
const uplinkEnd = 10 * time.Second

// shipTo makes the reports go to the process ship, which is behind a descriptor.
func (r *reporter) shipTo(descriptor int) (err error) {
	sender, err := ship.NewSender(descriptor)
	if err == nil {
		r.sender.Store(sender)
	}
	return err
}

// identify gives the next report its identity, and what became of the ones before. Without a ship that has begun it
// reports false.
func (r *reporter) identify(s *report.State) (of ship.Identity, health ship.Health, ok bool) {
	sender := r.sender.Load()
	if of, ok = sender.Identity(); !ok {
		return of, health, false
	}
	r.report.Identify(report.ID(of.Agent), report.ID(of.Epoch), of.Next)
	health = sender.Health()
	if health.HasSinkOffset {
		s.Clock.SinkOffset = &health.SinkOffset
	}
	s.Uplink = &report.Uplink{Queued: health.Queued, SpoolBytes: health.SpoolBytes, Refused: health.Refused}
	for _, l := range health.Lost {
		s.Uplink.Lost = append(s.Uplink.Lost, report.Lost{Epoch: report.ID(l.Epoch), First: l.First, Last: l.Last,
			Count: l.Count})
	}
	return of, health, true
}

// sent follows each report to the uplink.
func (r *reporter) sent() {
	if r.sender.Load().WantsWhole() {
		r.report.Forget()
	}
}

// uplinkState answers weir status.
func (r *reporter) uplinkState() *control.Uplink {
	sender := r.sender.Load()
	if sender == nil {
		return nil
	}
	of, isReady := sender.Identity()
	h := sender.Health()
	u := &control.Uplink{Ready: isReady, Connected: h.Connected, Queued: h.Queued, SpoolBytes: h.SpoolBytes,
		Lost: h.State.Lost + sender.Unknown(), Refused: h.Refused, Problem: h.Problem}
	if isReady {
		u.Agent, u.Epoch, u.Next = hex.EncodeToString(of.Agent[:]), hex.EncodeToString(of.Epoch[:]), of.Next
	}
	return u
}
