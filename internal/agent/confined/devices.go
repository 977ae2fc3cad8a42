// SPDX-License-Identifier: Apache-2.0

package confined

import (
	"context"
	"os"
	"slices"
	"time"

	"github.com/weirnet/weir/internal/agent"
	"github.com/weirnet/weir/internal/hosts"
	"github.com/weirnet/weir/internal/topology"
)

// devices maintains the list of devices: it adds the kernel's neighbours, and saves the list.
type devices struct {
	table      *hosts.Table
	store      *hosts.Store // nil: the list is not saved
	neighbours func(*topology.Network) ([]topology.Neighbour, error)
	network    func() *topology.Network
	log        func(format string, args ...any)

	due            chan struct{} // has one when a neighbour dump is due
	seconds, pause int           // since the last dump, and until the next; owned by the hub's goroutine
}

func newDevices(t *hosts.Table, f *topology.Follower, network func() *topology.Network,
	log func(string, ...any)) *devices {
	return &devices{table: t, neighbours: f.Neighbours, network: network, log: log, due: make(chan struct{}, 1),
		pause: neighboursFirst}
}

// load takes over the files' descriptors, and fills the table from them.
func (d *devices) load(named map[string]int) {
	var files []hosts.File
	for _, name := range agent.StateFiles {
		fd, ok := named[name]
		if !ok {
			return
		}
		files = append(files, os.NewFile(uintptr(fd), name))
	}
	store, err := hosts.Load(d.table, files[0], files[1])
	if err != nil {
		d.log("the list of devices begins anew: %v", err)
	}
	d.store = store
}

// save writes the devices, if there are files for them.
func (d *devices) save() {
	if d.store == nil {
		return
	}
	if err := d.store.Save(d.table); err != nil {
		d.log("the list of devices was not saved: %v", err)
	}
}

// The pause between two dumps of the kernel's neighbour table, in seconds, the shorter pause at the start, and the
// number of dumps between two saves.
const (
	neighboursFirst = 1
	neighboursEvery = 15
	saveFirst       = 5
	saveEvery       = 20
)

// second is called by the hub once a second. It requests a dump when one is due, and does not wait for it.
func (d *devices) second() {
	if d.seconds++; d.seconds < d.pause {
		return
	}
	d.seconds, d.pause = 0, min(2*d.pause, neighboursEvery)
	signal(d.due)
}

// follow dumps the neighbours on request, and saves the devices, until ctx ends.
func (d *devices) follow(ctx context.Context) {
	for count := 1; ; count++ {
		now := d.network()
		all, err := d.neighbours(now)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			d.log("stopped following neighbours: %v", err)
			return
		}
		d.table.Neighbours(slices.DeleteFunc(all, func(n topology.Neighbour) bool { return !now.IsLAN(n.Interface) }),
			now.Place, time.Now().UTC())
		if count == saveFirst || count%saveEvery == 0 {
			d.save()
		}
		select {
		case <-ctx.Done():
			return
		case <-d.due:
		}
	}
}
