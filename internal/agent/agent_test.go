// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"strings"
	"testing"
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
