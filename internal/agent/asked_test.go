// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weirnet/weir/internal/lab"
	"github.com/weirnet/weir/internal/topology"
)

func TestHookChoosesTheMode(t *testing.T) {
	for _, c := range []struct{ mode, hook, want, says string }{
		{ModeAuto, "", ModeAuto, ""},
		{ModeAuto, "tcx", ModeEBPF, ""},
		{ModeAuto, HookPlain, ModeAFPacket, ""},
		{ModeLibpcap, HookPlain, ModeLibpcap, ""},
		{ModeEBPF, "xdp-native", ModeEBPF, ""},
		{ModeAuto, "foo", "", "must be tcx"},
		{ModeEBPF, HookPlain, "", "of mode afpacket"},
		{ModeLibpcap, "clsact", "", "of mode ebpf"},
	} {
		o := Options{Mode: c.mode, Hook: c.hook}
		_, err := o.Check()
		if c.says == "" && (err != nil || o.Mode != c.want) || c.says != "" &&
			(err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("mode %s, hook %q: mode %s, %v; want %s, %q", c.mode, c.hook, o.Mode, err, c.want, c.says)
		}
	}
}

// TestSayAbsent: a mistyped pattern or path is no error, for it may come, but it isn't passed over either.
func TestSayAbsent(t *testing.T) {
	links := topology.Links{1: {Index: 1, Name: "lan0"}, 2: {Index: 2, Name: "wan0"}}
	there, absent := t.TempDir(), filepath.Join(t.TempDir(), "typo")
	for _, c := range []struct {
		options Options
		says    []string
	}{
		{Options{}, nil},
		{Options{Interfaces: []string{"lan*"}, Sides: topology.Sides{LAN: []string{"lan0"}, WAN: []string{"wan*"}},
			State: there}, nil},
		{Options{Interfaces: []string{"lan*", "nope*"}}, []string{"no interface matches 'nope*'"}},
		{Options{Sides: topology.Sides{LAN: []string{"foo*", "lan0"}, WAN: []string{"bar"}}},
			[]string{"--lan 'foo*'", "--wan 'bar'"}},
		{Options{State: absent}, []string{"--state " + absent}},
	} {
		var out strings.Builder
		sayAbsent(&c.options, links, &out)
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

// TestNamedHookIsHadOrAnError: the loopback has no native XDP, and no other hook or mode is taken for it.
func TestNamedHookIsHadOrAnError(t *testing.T) {
	if os.Geteuid() != 0 {
		lab.Lacks(t, "loading programs takes root")
	}
	o := Options{Mode: ModeAuto, Hook: "xdp-native", Interfaces: []string{"lo"}, MaxPacketsTCP: 10, MaxPacketsOther: 8,
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
