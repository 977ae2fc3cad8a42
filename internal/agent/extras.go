// SPDX-License-Identifier: Apache-2.0

package agent

import "fmt"

// extras are descriptors that the confined process gets behind those of its mode, each with a name.
type extras struct {
	names []string
	fds   []int
}

// Names of extra descriptors, besides stateNames.
const (
	extraConntrack = "conntrack"
	extraControl   = "control"
)

func (e *extras) add(name string, fd int) {
	e.names = append(e.names, name)
	e.fds = append(e.fds, fd)
}

// splitExtras takes the named descriptors off the end of all.
func splitExtras(names []string, all []int) (of map[string]int, rest []int, err error) {
	n := len(all) - len(names)
	if n < 0 {
		return nil, nil, fmt.Errorf("the helper sent %d descriptors, of which %d have names", len(all), len(names))
	}
	of = make(map[string]int, len(names))
	for i, name := range names {
		of[name] = all[n+i]
	}
	return of, all[:n], nil
}
