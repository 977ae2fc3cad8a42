// SPDX-License-Identifier: Apache-2.0

package privileged

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weirnet/weir/internal/agent"
	"github.com/weirnet/weir/internal/logging"
	"github.com/weirnet/weir/internal/testing/lab"
	"github.com/weirnet/weir/internal/topology"
)

// TestWarnAbsent: a mistyped pattern or path is no error, since it may appear later, but weir warns of it.
func TestWarnAbsent(t *testing.T) {
	links := topology.Links{1: {Index: 1, Name: "lan0"}, 2: {Index: 2, Name: "wan0"}}
	there, absent := t.TempDir(), filepath.Join(t.TempDir(), "typo")
	for _, c := range []struct {
		options agent.Options
		says    []string
	}{
		{agent.Options{}, nil},
		{agent.Options{Interfaces: []string{"lan*"},
			Sides: topology.Sides{LAN: []string{"lan0"}, WAN: []string{"wan*"}},
			State: there}, nil},
		{agent.Options{Interfaces: []string{"lan*", "nope*"}}, []string{"no interface matches 'nope*'"}},
		{agent.Options{Sides: topology.Sides{LAN: []string{"foo*", "lan0"}, WAN: []string{"bar"}}},
			[]string{"--lan 'foo*'", "--wan 'bar'"}},
		{agent.Options{State: absent}, []string{"--state " + absent}},
	} {
		var out strings.Builder
		warnAbsent(&c.options, links, logging.To(func(format string, args ...any) {
			fmt.Fprintf(&out, format+"\n", args...)
		}))
		if strings.Count(out.String(), "\n") != len(c.says) {
			t.Errorf("%+v: %q", c.options, out.String())
		}
		for _, says := range c.says {
			if !strings.Contains(out.String(), says) {
				t.Errorf("%+v: %q lacks %q", c.options, out.String(), says)
			}
		}
	}
}

// TestNamedHookWorksOrFails: the loopback has no native XDP, and weir takes no other hook or mode instead.
func TestNamedHookWorksOrFails(t *testing.T) {
	if os.Geteuid() != 0 {
		lab.Lacks(t, "loading programs needs root")
	}
	o := agent.Options{Mode: agent.ModeAuto, Hook: "xdp-native", Interfaces: []string{"lo"},
		MaxPacketsTCP: 10, MaxPacketsOther: 8,
		Workers: 1, MaxFlows: 1024}
	if _, err := o.Check(); err != nil {
		t.Fatal(err)
	}
	b, _, err := openBackend(&o)
	if err == nil {
		t.Errorf("mode %s was taken", b.mode())
		b.Close()
		return
	}
	if !strings.Contains(err.Error(), "xdp-native") {
		t.Errorf("%v", err)
	}
}
