// SPDX-License-Identifier: Apache-2.0

// Package privileged is the agent's process that keeps its rights: it opens sockets and files, loads and attaches
// programs, and reads no packet. Supervise starts the confined process and serves it until it ends.
package privileged

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/weirnet/weir/internal/agent"
	"github.com/weirnet/weir/internal/handover"
	"github.com/weirnet/weir/internal/helper"
	"github.com/weirnet/weir/internal/sandbox"
	"github.com/weirnet/weir/internal/topology"
)

// backend captures for the helper.
type backend interface {
	// the methods of helper.Backend
	Watch(helper.Link) (fds []int, payload []byte, err error)
	Unwatch(index uint32) error
	Retire(slots []uint32) error
	Release(slots []uint32) error
	// mode returns its name, descriptors and geometry what the confined process receives.
	mode() string
	describe(*agent.Setup) (descriptors []int)
	io.Closer
}

// keeper is a backend that can hand its capture over to the next weir.
type keeper interface {
	handOver(*handover.Set) error
}

// Supervise is the privileged process: it takes the best mode that works, starts the confined one with args, and serves
// it until it ends. The error is a *helper.ExitError if the confined process failed. At a SIGUSR2 the process executes
// its program anew, which goes on with the flows: then Supervise does not return.
func Supervise(o *agent.Options, args []string) error {
	o.Inherited = handover.Inherited()
	r := newRestart(o.Inherited, o.Log)
	defer r.close()
	if err := supervise(o, args, r); !r.hasBegun.Load() {
		return err
	} else if err != nil {
		o.Log.Warnf("restart: %v", err)
	}
	return r.exec()
}

func supervise(o *agent.Options, args []string, r *restart) error {
	arriving := o.Inherited.Take(stateName)
	defer closeOnce(&arriving)
	selection, err := o.Check()
	if err != nil {
		return err
	}
	links, err := topology.List()
	if err != nil {
		return err
	}
	if err := checkNames(selection, links); err != nil {
		return err
	}
	warnAbsent(o, links, o.Log)
	service := openService(o)
	service.restart = r
	defer service.conn.Close()
	b, refused, err := openBackend(o)
	if err != nil {
		return err
	}
	defer r.closeBackend(b)
	o.Inherited.Close() // of a mode that has no use for it
	connections := openConntrack(b, o)
	defer connections.Close()
	socket := openControl(o)
	defer socket.Close()
	state, err := openState(o)
	if err != nil {
		return err
	}
	defer state.Close()
	processes := openProcesses(o)
	defer processes.Close()
	uplink, err := openShip(o)
	if err != nil {
		return err
	}
	exports, err := openExport(o, socket)
	if err != nil {
		return err
	}
	if o.Begins != nil {
		o.Begins()
	}
	uplink.start()
	service.reopen = exports.reopen
	exports.start()
	defer endAll(uplink.end, exports.end)
	child, err := sandbox.Start(sandbox.Config{Args: args, Readable: slices.Concat(o.Catalogs, o.MMDB)})
	if err != nil {
		return fmt.Errorf("start the confined process: %w", err)
	}
	s := agent.Setup{Refused: refused}
	var named agent.Descriptors
	connections.add(&named, &s)
	socket.add(&named, &s)
	state.add(&named)
	uplink.add(&named)
	processes.add(&named, &s)
	if _, canKeep := b.(keeper); canKeep {
		r.addState(&named, arriving)
	}
	var usage usage
	usage.add(&named, &s, child.PID())
	s.Pulse = service.conn.Pulse()
	s.Named = named.Names
	descriptors := append(b.describe(&s), named.FDs...)
	payload, err := json.Marshal(s)
	if err == nil {
		err = helper.SendSetup(child.Conn, helper.Setup{Mode: b.mode(), Payload: payload, FDs: descriptors})
	}
	usage.close()
	processes.start()
	closeOnce(&arriving) // the confined process has it
	if err != nil {
		return errors.Join(fmt.Errorf("send the setup to the confined process: %w", err), child.Conn.Close(),
			helper.Supervise(child, connections, service.forHelper()))
	}
	agent.ReleaseMemory()
	return helper.Supervise(child, connections, service.forHelper())
}

// endAll ends processes at the same time: the end of the whole is bounded.
func endAll(ends ...func()) {
	var all sync.WaitGroup
	for _, end := range ends {
		all.Go(end)
	}
	all.Wait()
}

// checkNames refuses names that match no interface.
func checkNames(selection topology.Selection, links topology.Links) error {
	missing := selection.Missing(links)
	if len(missing) == 0 {
		return nil
	}
	var names []string
	for _, l := range links.Sorted() {
		names = append(names, l.Name)
	}
	return fmt.Errorf("no such interface: %s; this machine has: %s", strings.Join(missing, ", "),
		strings.Join(names, ", "))
}

// openBackend opens the requested mode, or with auto the first that works. refused says why better ones do not.
func openBackend(o *agent.Options) (b backend, refused []string, err error) {
	open := map[string]func(*agent.Options) (backend, error){agent.ModeEBPF: openEBPF, agent.ModeAFPacket: openAFPacket,
		agent.ModeLibpcap: openLibpcap}
	if o.Mode != agent.ModeAuto {
		b, err := open[o.Mode](o)
		if err != nil {
			return nil, nil, fmt.Errorf("mode %s: %w (weir check says what works here)", o.Mode, err)
		}
		return b, nil, nil
	}
	for _, mode := range []string{agent.ModeEBPF, agent.ModeLibpcap, agent.ModeAFPacket} {
		b, err := open[mode](o)
		if err == nil {
			return b, refused, nil
		}
		refused = append(refused, fmt.Sprintf("%s: %v", mode, err))
	}
	return nil, nil, fmt.Errorf("no way of capturing works here (weir check says what to do):\n%s",
		strings.Join(refused, "\n"))
}
