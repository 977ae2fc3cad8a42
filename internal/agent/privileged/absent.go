// SPDX-License-Identifier: Apache-2.0

package privileged

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/weirnet/weir/internal/agent"
	"github.com/weirnet/weir/internal/topology"
)

// What was asked for by name is had, or is an error; what may come later is said.

// unmatched are the patterns among names that no interface matches.
func unmatched(names []string, links topology.Links) (patterns []string) {
	for _, name := range names {
		matches := func(l topology.Link) bool { ok, err := path.Match(name, l.Name); return ok || err != nil }
		if strings.ContainsAny(name, `*?[\`) && !slices.ContainsFunc(links.Sorted(), matches) {
			patterns = append(patterns, name)
		}
	}
	return patterns
}

// warnAbsent says what the options name that isn't there, or not yet.
func warnAbsent(o *agent.Options, links topology.Links, to io.Writer) {
	for _, pattern := range unmatched(o.Interfaces, links) {
		fmt.Fprintf(to, "weir: no interface matches '%s' now; one that comes will be watched\n", pattern)
	}
	for _, side := range []struct {
		flag  string
		names []string
	}{{"--lan", o.Sides.LAN}, {"--wan", o.Sides.WAN}} {
		s, err := topology.NewSelection(side.names...)
		if err != nil || len(side.names) == 0 {
			continue // which Check says
		}
		for _, name := range append(s.Missing(links), unmatched(side.names, links)...) {
			fmt.Fprintf(to, "weir: %s '%s': there is no such interface now\n", side.flag, name)
		}
	}
	if o.State != "" {
		if _, err := os.Stat(o.State); errors.Is(err, os.ErrNotExist) {
			fmt.Fprintf(to, "weir: --state %s: there is no such directory, so it is made, and the list of devices "+
				"begins anew\n", o.State)
		}
	}
}
