// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"time"

	"github.com/weirnet/weir/internal/testing/lab"
)

// New connections through a gateway with masquerade.
const (
	newConnections    = 50_000
	connectionsPerSec = 10_000
)

// measureConntrack compares the agent's CPU time with and without following the kernel's connections, under a load of
// new ones.
func measureConntrack(t *table, weir string, runs int) error {
	with := weirOn(weir, "lan0", "wan0")
	with.command = append(with.command, "--max-flows", "262144")
	without := observer{with.name, append(with.command[:len(with.command):len(with.command)], "--no-conntrack")}
	var user, both []float64
	for range max(3, runs/3) {
		var took [2]cpuTime
		for i, o := range []observer{without, with} {
			l := makeLab(t, "following connections", func() (*lab.Lab, error) { return lab.Make(lab.Options{}) })
			if l == nil {
				return nil
			}
			w, err := o.start(l.Gateway)
			if err == nil {
				_, err = l.Flood(context.Background(), 20000, newConnections, connectionsPerSec)
				unmeasured(200 * time.Millisecond)
				var stopErr error
				_, took[i], stopErr = w.stop()
				err = errors.Join(err, stopErr)
			}
			l.Close()
			if err != nil {
				return err
			}
		}
		const percent = 100 * float64(connectionsPerSec) / newConnections
		extra := took[1].user - took[0].user
		user = append(user, percent*extra)
		both = append(both, percent*(extra+took[1].system-took[0].system))
	}
	t.figure("user CPU for 10,000 new connections a second, beyond that without conntrack, of one core", 25, "%", user)
	t.figure("… and with system CPU", 0, "%", both)
	return nil
}
