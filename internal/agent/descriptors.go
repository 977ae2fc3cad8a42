// SPDX-License-Identifier: Apache-2.0

package agent

import "fmt"

// Descriptors are the named descriptors that the confined process receives after those of its mode.
type Descriptors struct {
	Names []string
	FDs   []int
}

// Names of descriptors other than StateFiles.
const (
	DescriptorConntrack = "conntrack"
	DescriptorControl   = "control"
	DescriptorShip      = "ship"      // the socket to the process ship, see package ship
	DescriptorProcess   = "process"   // the socket that tells the processes of sockets, see package sockets
	DescriptorPseudonym = "pseudonym" // the file with the key of reports' pseudonyms
	DescriptorLeft      = "left"      // memory for the flows that go on after a restart
	DescriptorArriving  = "arriving"  // such memory, from before this start
)

// Processes are the agent's processes, whose use of the machine the status tells.
var Processes = []string{ProcessAgent, ProcessHelper}

// Names of Processes.
const (
	ProcessAgent  = "agent"  // the confined process
	ProcessHelper = "helper" // the privileged process
)

// DescriptorStat names the descriptor of a process's file in proc_pid_stat(5).
func DescriptorStat(process string) string { return "stat." + process }

// StateFiles names the two files with the list of devices, and their descriptors: one of them is complete at any
// moment.
var StateFiles = []string{"hosts.0", "hosts.1"}

// Add appends a descriptor.
func (d *Descriptors) Add(name string, fd int) {
	d.Names = append(d.Names, name)
	d.FDs = append(d.FDs, fd)
}

// SplitDescriptors splits the named descriptors off the end of all.
func SplitDescriptors(names []string, all []int) (named map[string]int, rest []int, err error) {
	n := len(all) - len(names)
	if n < 0 {
		return nil, nil, fmt.Errorf("the helper sent %d descriptors and %d names", len(all), len(names))
	}
	named = make(map[string]int, len(names))
	for i, name := range names {
		named[name] = all[n+i]
	}
	return named, all[:n], nil
}
