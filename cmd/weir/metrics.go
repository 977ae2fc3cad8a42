// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/weirnet/weir/internal/agent"
	"github.com/weirnet/weir/internal/agent/confined"
	"github.com/weirnet/weir/internal/config"
	"github.com/weirnet/weir/internal/config/defaults"
	"github.com/weirnet/weir/internal/metric"
	"github.com/weirnet/weir/internal/metric/listener"
	"github.com/weirnet/weir/internal/tally"
)

// checkMetrics refuses an address that the metrics can't have.
func checkMetrics(c *config.Config) error {
	if c.Metrics.Listen == "" {
		return nil
	}
	if err := listener.Check(c.Metrics.Listen, c.Metrics.Remote); err != nil {
		return fmt.Errorf("--metrics-listen %w", err)
	}
	return nil
}

// countTraffic makes the agent count what the metrics show, if somebody shall see them. Consumers of the Netify agent
// are told of the processes and links alone.
func countTraffic(o *agent.Options, c *config.Config, output *confined.Output) {
	output.Measure = output.Measure || slices.ContainsFunc(c.Export.Listen,
		func(url string) bool { return strings.HasPrefix(url, "netifyd+") })
	if c.Metrics.Listen == "" {
		return
	}
	if o.UpdateEvery == 0 { // long flows count while they live
		o.UpdateEvery = defaults.ReportEvery
	}
	output.Measure = true
	output.Traffic = tally.NewCounts(cmp.Or(o.MaxFlows, defaults.MaxFlows))
	output.Resumed = append(output.Resumed, output.Traffic.Resume)
	output.Subscriptions = append(output.Subscriptions, confined.Subscription{
		Subscriber: confined.TrafficCounter{Counts: output.Traffic}, Name: "metrics", Dropped: metric.RecordsUncounted})
}
