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

// How often the kernel's neighbour table is read, at first sooner, and after how many such readings the devices are
// saved.
const (
	neighboursFirst = time.Second
	neighboursEvery = 15 * time.Second
	saveFirst       = 5
	saveEvery       = 20
)

// follow reads the neighbours and saves the devices, until ctx ends.
func (d *devices) follow(ctx context.Context) {
	pause := neighboursFirst
	next := time.NewTimer(pause)
	defer next.Stop()
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
		next.Reset(pause)
		select {
		case <-ctx.Done():
			return
		case <-next.C:
		}
		pause = min(2*pause, neighboursEvery)
	}
}
