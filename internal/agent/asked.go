// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/weirnet/weir/internal/topology"
)

// What was asked for by name is had, or is an error; what may come later is said.

// checkHook holds a hook to the mode that has it. With mode auto that is the mode which is wanted.
func (o *Options) checkHook() error {
	mode, also := ModeEBPF, ""
	switch o.Hook {
	case "":
		return nil
	case "tcx", "clsact", "xdp", "xdp-native":
	case HookPlain:
		mode, also = ModeAFPacket, ModeLibpcap
	default:
		return fmt.Errorf("--hook %q: must be tcx, clsact, xdp or xdp-native (mode ebpf), or plain (modes afpacket "+
			"and libpcap)", o.Hook)
	}
	if o.Mode == ModeAuto {
		o.Mode = mode
	}
	if o.Mode != mode && o.Mode != also {
		return fmt.Errorf("--hook %s is of mode %s, not of %s", o.Hook, mode, o.Mode)
	}
	return nil
}

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

// sayAbsent says what the options name that isn't there, or not yet.
func sayAbsent(o *Options, links topology.Links, to io.Writer) {
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
