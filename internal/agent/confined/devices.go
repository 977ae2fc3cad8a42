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

// devices keeps the list of devices: it adds what the kernel's neighbour table says, and saves it.
type devices struct {
	table      *hosts.Table
	store      *hosts.Store // nil: the list is not kept
	neighbours func(*topology.Network) ([]topology.Neighbour, error)
	network    func() *topology.Network
	log        func(format string, args ...any)

	due            chan struct{} // has one when the neighbours are to be read
	seconds, pause int           // since the last reading, and until the next; of the hub's goroutine
}

func newDevices(t *hosts.Table, f *topology.Follower, network func() *topology.Network,
	log func(string, ...any)) *devices {
	return &devices{table: t, neighbours: f.Neighbours, network: network, log: log, due: make(chan struct{}, 1),
		pause: neighboursFirst}
}

// load takes over the files' descriptors, and fills the table with what was saved.
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

// save writes the devices, where there are files for them.
func (d *devices) save() {
	if d.store == nil {
		return
	}
	if err := d.store.Save(d.table); err != nil {
		d.log("the list of devices was not saved: %v", err)
	}
}

// How often the kernel's neighbour table is read, in seconds, at first sooner, and after how many such readings the
// devices are saved.
const (
	neighboursFirst = 1
	neighboursEvery = 15
	saveFirst       = 5
	saveEvery       = 20
)

// second is the hub's, once a second: it has the neighbours read when that is due. A reading that takes longer is not
// waited for.
func (d *devices) second() {
	if d.seconds++; d.seconds < d.pause {
		return
	}
	d.seconds, d.pause = 0, min(2*d.pause, neighboursEvery)
	signal(d.due)
}

// follow reads the neighbours whenever that is due, and saves the devices, until ctx ends.
func (d *devices) follow(ctx context.Context) {
	for count := 1; ; count++ {
		now := d.network()
		all, err := d.neighbours(now)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			d.log("neighbours are not followed any more: %v", err)
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
