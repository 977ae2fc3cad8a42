// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"errors"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// kept returns duplicates of a loader's objects.
func (g *rig) kept() (all []Object) {
	g.t.Helper()
	for _, o := range g.Objects() {
		fd, err := unix.FcntlInt(uintptr(o.FD), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			g.t.Fatal(err)
		}
		all = append(all, Object{o.Name, fd})
	}
	return all
}

// TestKeep: a loader goes on with the maps and the hooks of another one, whose slots, rows and rings it has.
func TestKeep(t *testing.T) {
	for _, r := range []struct{ hook, once, twice string }{
		{"tcx", " 20/720 20/680", " 40/1440 40/1360"},
		{"clsact", " 20/720 20/680", " 40/1440 40/1360"},
		{"xdp", " 20/720 0/0", " 40/1440 0/0"},
	} {
		t.Run(r.hook, func(t *testing.T) {
			config := Config{Geometry: Geometry{SlotsPerWorker: 64}, Hook: r.hook}
			first := newRig(t, config)
			_, b, sa, sb := pair(t)
			first.attach(b)
			attached, row := b.attached(), first.Row(b.ifindex)
			before := first.causes()
			if err := exchange(sa, sb, 20); err != nil {
				t.Fatal(err)
			}
			if got := first.describe(before); got != conversation+r.once {
				t.Errorf("got %s, want %s", got, conversation+r.once)
			}
			config.Kept = first.kept()
			second := newRig(t, config)
			if ok, why := second.HasTakenOver(); !ok {
				t.Fatal(why)
			}
			second.attach(b)
			if got := b.attached(); got != attached {
				t.Errorf("attached: %s; want %s", got, attached)
			}
			if got := second.Row(b.ifindex); got != row || row == 0 {
				t.Errorf("row %d, was %d", got, row)
			}
			if err := exchange(sa, sb, 20); err != nil {
				t.Fatal(err)
			}
			if got := second.describe(before); got != conversation+r.twice {
				t.Errorf("got %s, want %s", got, conversation+r.twice)
			}
			if r.hook == "tcx" || r.hook == "xdp" { // the other descriptor of the link
				for _, h := range first.hooks {
					if err := h.Close(); err != nil {
						t.Error(err)
					}
				}
				clear(first.hooks)
			}
			second.detach(b)
			if got := b.attached(); got != "" {
				t.Errorf("left behind: %s", got)
			}
			if n := second.noted(); n != 0 {
				t.Errorf("%d interfaces noted", n)
			}
		})
	}
}

// TestKeepNothing: a loader takes nothing over from one with another layout, from a part of one, or from another hook;
// it detaches what it leaves.
func TestKeepNothing(t *testing.T) {
	config := Config{Geometry: Geometry{SlotsPerWorker: 64}, Hook: "tcx"}
	for _, r := range []struct {
		name string
		take func(*Config, []Object) []Object
		why  error
	}{
		{"geometry", func(c *Config, all []Object) []Object {
			c.SlotsPerWorker = 128
			return all
		}, errNotKept},
		{"tunnels", func(c *Config, all []Object) []Object {
			c.KeepTunnels = true
			return all
		}, errNotKept},
		{"a map less", func(_ *Config, all []Object) []Object {
			at := slices.IndexFunc(all, func(o Object) bool { return o.Name[len(o.Name)-5:] == "slots" })
			unix.Close(all[at].FD)
			return slices.Delete(all, at, at+1)
		}, nil},
		{"maps for links", func(_ *Config, all []Object) []Object {
			for i := range all {
				all[i].Name = all[i].Name[:len("weir-")+17] + "link.7.ingress"
			}
			return all
		}, nil},
		{"links for maps", func(_ *Config, all []Object) []Object {
			for i := range all {
				all[i].Name = all[i].Name[:len("weir-")+17] + "map.slots"
			}
			return all
		}, nil},
		{"ring out of bounds", func(_ *Config, all []Object) []Object {
			for i := range all {
				all[i].Name = all[i].Name[:len("weir-")+17] + "ring.4294967296"
			}
			return all
		}, nil},
	} {
		t.Run(r.name, func(t *testing.T) {
			first := newRig(t, config)
			_, b, sa, sb := pair(t)
			first.attach(b)
			next := config
			next.Kept = r.take(&next, first.kept())
			first.detach(b)
			second := newRig(t, next)
			if ok, why := second.HasTakenOver(); ok || why == nil || r.why != nil && !errors.Is(why, r.why) {
				t.Errorf("taken over: %t, %v", ok, why)
			}
			if got := b.attached(); got != "" {
				t.Errorf("left attached: %s", got)
			}
			second.attach(b)
			before := second.causes()
			if err := exchange(sa, sb, 20); err != nil {
				t.Fatal(err)
			}
			if got, want := second.describe(before), conversation+" 20/720 20/680"; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			second.detach(b)
		})
	}
}

// TestDropUnused: what nobody attaches again is detached, and has no row any more.
func TestDropUnused(t *testing.T) {
	config := Config{Geometry: Geometry{SlotsPerWorker: 64}, Hook: "tcx"}
	first := newRig(t, config)
	_, b, _, _ := pair(t)
	first.attach(b)
	config.Kept = first.kept()
	second := newRig(t, config)
	for _, h := range first.hooks {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	}
	clear(first.hooks)
	if b.attached() == "" {
		t.Error("detached too early")
	}
	if err := second.DropUnused(); err != nil {
		t.Error(err)
	}
	if got := b.attached(); got != "" || second.noted() != 0 || len(second.rows.used) != 0 {
		t.Errorf("left behind: %q, %d noted, %d rows", got, second.noted(), len(second.rows.used))
	}
}
