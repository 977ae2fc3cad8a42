// SPDX-License-Identifier: Apache-2.0

package privileged

import (
	"errors"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/weirnet/weir/internal/agent"
	"github.com/weirnet/weir/internal/logging"
	"github.com/weirnet/weir/internal/topology"
)

// What the user names has to work, or is an error; a warning names what may still appear.

// unmatched returns the patterns among names that match no interface.
func unmatched(names []string, links topology.Links) (patterns []string) {
	for _, name := range names {
		matches := func(l topology.Link) bool { ok, err := path.Match(name, l.Name); return ok || err != nil }
		if strings.ContainsAny(name, `*?[\`) && !slices.ContainsFunc(links.Sorted(), matches) {
			patterns = append(patterns, name)
		}
	}
	return patterns
}

// warnAbsent warns of interfaces and directories that the options name and that do not exist, or not yet.
func warnAbsent(o *agent.Options, links topology.Links, log *logging.Logger) {
	for _, pattern := range unmatched(o.Interfaces, links) {
		log.Warnf("no interface matches '%s' yet; weir will watch one that appears", pattern)
	}
	for _, side := range []struct {
		flag  string
		names []string
	}{{"--lan", o.Sides.LAN}, {"--wan", o.Sides.WAN}} {
		s, err := topology.NewSelection(side.names...)
		if err != nil || len(side.names) == 0 {
			continue // Check reports it
		}
		for _, name := range append(s.Missing(links), unmatched(side.names, links)...) {
			log.Warnf("%s '%s': no such interface yet", side.flag, name)
		}
	}
	if o.State != "" {
		_, err := os.Stat(o.State)
		_, parentErr := os.Stat(filepath.Dir(filepath.Clean(o.State)))
		if errors.Is(err, os.ErrNotExist) && parentErr == nil { // without the parent it is an error
			log.Infof("--state %s: no such directory yet: weir makes it, with an empty list of devices", o.State)
		}
	}
}
