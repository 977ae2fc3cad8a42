// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/gen/bpf"
)

// The kernel's objects can go from one Loader to the next, in the same process after an exec: maps keep their counts,
// rings what nobody has read, and links go on counting with the old programs until they get the new ones. So no packet
// is uncounted. The names of the objects have a fingerprint of the maps' layout: a Loader takes only its own.

// layoutVersion is a part of the fingerprint. It grows when the programs give fields another meaning.
const layoutVersion = 1

// isKept tells the maps that go on from those that each Loader makes itself: constants, and programs.
func isKept(name string) bool { return !strings.HasPrefix(name, ".") && name != bpf.WeirMapShunts }

// fingerprint identifies the layout of the maps, whose sizes are set.
func (l *Loader) fingerprint(spec *ebpf.CollectionSpec) string {
	h := sha256.New()
	fmt.Fprintln(h, layoutVersion, l.config.Geometry, l.config.KeepTunnels, l.config.IgnoreVLAN)
	for _, name := range slices.Sorted(maps.Keys(spec.Maps)) {
		if isKept(name) {
			hashMap(h, spec.Maps[name])
		}
	}
	const bytes = 8
	return hex.EncodeToString(h.Sum(nil)[:bytes])
}

func hashMap(h hash.Hash, m *ebpf.MapSpec) {
	fmt.Fprintln(h, m.Name, m.Type, m.KeySize, m.ValueSize, m.MaxEntries, m.Flags)
	hashType(h, m.Key)
	hashType(h, m.Value)
	if m.InnerMap != nil {
		hashMap(h, m.InnerMap)
	}
}

// hashType adds the names and places of all members. Types of maps' values have no pointers, and so end.
func hashType(h hash.Hash, t btf.Type) {
	var members []btf.Member
	switch t := btf.UnderlyingType(t).(type) {
	case *btf.Struct:
		members = t.Members
	case *btf.Union:
		members = t.Members
	case *btf.Array:
		fmt.Fprintln(h, t.Nelems)
		hashType(h, t.Type)
	case *btf.Int:
		fmt.Fprintln(h, t.Size)
	}
	for _, m := range members {
		fmt.Fprintln(h, m.Name, m.Offset)
		hashType(h, m.Type)
	}
}

// Object is a kernel object with its name among those of a Loader.
type Object struct {
	Name string
	FD   int
}

const objectPrefix = "weir-"

// Objects returns what the next Loader needs to go on: Config.Kept. The Loader still owns the descriptors. Filters of
// clsact have none: they stay where they are.
func (l *Loader) Objects() (all []Object) {
	add := func(fd int, name ...string) {
		all = append(all, Object{objectPrefix + l.layout + "." + strings.Join(name, "."), fd})
	}
	for name, m := range l.mapsByName() {
		if isKept(name) {
			add(m.FD(), "map", name)
		}
	}
	for i, ring := range l.rings {
		add(ring.FD(), "ring", strconv.Itoa(i))
	}
	for index, h := range l.hooks {
		if linked, ok := h.(interface{ objects() map[string]link.Link }); ok {
			for end, one := range linked.objects() {
				if with, ok := one.(interface{ FD() int }); ok {
					add(with.FD(), "link", strconv.FormatUint(uint64(index), 10), end)
				}
			}
		}
	}
	return all
}

// mapsByName returns the maps by the names of the programs' source.
func (l *Loader) mapsByName() map[string]*ebpf.Map {
	all := map[string]*ebpf.Map{}
	v := reflect.ValueOf(l.objects.WeirMaps)
	for i := range v.NumField() {
		if m, ok := v.Field(i).Interface().(*ebpf.Map); ok && m != nil {
			all[v.Type().Field(i).Tag.Get("ebpf")] = m
		}
	}
	return all
}

// kept is what a Loader takes over.
type kept struct {
	maps  map[string]*ebpf.Map
	rings []*ebpf.Map
	links map[uint32]map[string]link.Link // by ifindex and end, until they are attached again
}

// errNotKept: there is nothing to take over, or it has another layout.
var errNotKept = errors.New("the kernel's maps have another layout")

// takeOver takes the objects of Config.Kept, if they have this layout and are complete. It owns their descriptors.
func (l *Loader) takeOver(spec *ebpf.CollectionSpec) (k *kept, err error) {
	k = &kept{maps: map[string]*ebpf.Map{}, rings: make([]*ebpf.Map, l.config.Workers),
		links: map[uint32]map[string]link.Link{}}
	prefix := objectPrefix + l.layout + "."
	for _, o := range l.config.Kept {
		name, ours := strings.CutPrefix(o.Name, prefix)
		if !ours {
			closeDescriptor(o.FD)
			err = errors.Join(err, errNotKept)
			continue
		}
		err = errors.Join(err, k.take(name, o.FD))
	}
	for name := range spec.Maps {
		if isKept(name) && k.maps[name] == nil {
			err = errors.Join(err, fmt.Errorf("map %s is missing", name))
		}
	}
	if slices.Contains(k.rings, nil) {
		err = errors.Join(err, errors.New("a ring is missing"))
	}
	if err != nil {
		k.close()
		return nil, err
	}
	return k, nil
}

// take takes an object, by the parts of its name.
func (k *kept) take(name string, fd int) error {
	kind, rest, _ := strings.Cut(name, ".")
	if kind == "link" {
		number, end, _ := strings.Cut(rest, ".")
		index, err := strconv.ParseUint(number, 10, 31)
		if err != nil {
			closeDescriptor(fd)
			return fmt.Errorf("link %q: %w", rest, err)
		}
		l, err := link.NewFromFD(fd) // which owns fd, also after an error
		if err != nil {
			return fmt.Errorf("link %q: %w", rest, err)
		}
		if k.links[uint32(index)] == nil {
			k.links[uint32(index)] = map[string]link.Link{}
		}
		k.links[uint32(index)][end] = l
		return nil
	}
	m, err := ebpf.NewMapFromFD(fd)
	if err != nil {
		return fmt.Errorf("map %q: %w", rest, err)
	}
	if i, err := strconv.Atoi(rest); kind == "ring" && err == nil && i >= 0 && i < len(k.rings) {
		k.rings[i] = m
		return nil
	}
	k.maps[rest] = m
	return nil
}

// close detaches the links, and lets the maps go.
func (k *kept) close() {
	for index := range k.links {
		k.closeLinks(index)
	}
	for _, m := range k.maps {
		m.Close()
	}
	for _, m := range k.rings {
		if m != nil {
			m.Close()
		}
	}
}

func (k *kept) closeLinks(index uint32) {
	for _, l := range k.links[index] {
		l.Close()
	}
	delete(k.links, index)
}

// HasTakenOver reports whether the Loader goes on with the maps of another one, and if not, why.
func (l *Loader) HasTakenOver() (bool, error) { return l.kept != nil, l.whyNot }

// resume reads from the kept maps which interfaces have a row of traffic.
func (l *Loader) resume() error {
	var index uint32
	var note bpf.WeirInterface
	for _, m := range []*ebpf.Map{l.objects.Links, l.objects.Interfaces} {
		all := m.Iterate()
		for all.Next(&index, &note) {
			if at := slices.Index(l.rows.free, note.Row); at >= 0 {
				l.rows.free = slices.Delete(l.rows.free, at, at+1)
				l.rows.used[index] = note.Row
			}
		}
		if err := all.Err(); err != nil {
			return fmt.Errorf("read the interfaces: %w", err)
		}
	}
	return nil
}

// adopt gives the links of an interface the new programs, one after the other: each packet meets the old one or the
// new one. It returns nil if there is nothing to adopt.
func (l *Loader) adopt(index uint32, ingress, egress *ebpf.Program) hook {
	if l.kept == nil || l.kept.links[index] == nil {
		return nil
	}
	links := l.kept.links[index]
	var h hook
	var err error
	switch {
	case links["ingress"] != nil && (links["egress"] != nil) == (egress != nil) && l.mayUse("tcx"):
		t := &tcx{}
		for _, end := range []string{"ingress", "egress"} {
			if links[end] != nil {
				program := map[string]*ebpf.Program{"ingress": ingress, "egress": egress}[end]
				err = errors.Join(err, links[end].Update(program))
				t.links = append(t.links, links[end])
			}
		}
		h = t
	case links["xdp"] != nil && l.config.Hook == "xdp":
		err = links["xdp"].Update(l.objects.WeirXdp)
		h = &xdp{links["xdp"], "xdp"}
	case links["xdp-native"] != nil && l.config.Hook == "xdp-native":
		err = links["xdp-native"].Update(l.objects.WeirXdp)
		h = &xdp{links["xdp-native"], "xdp-native"}
	default:
		err = errors.New("another kind of hook")
	}
	if err != nil {
		l.kept.closeLinks(index)
		return nil
	}
	delete(l.kept.links, index)
	return h
}

func (l *Loader) mayUse(hook string) bool { return l.config.Hook == "" || l.config.Hook == hook }

// DropUnused detaches the kept links that Attach has not claimed, and forgets their interfaces.
func (l *Loader) DropUnused() error {
	if l.kept == nil {
		return nil
	}
	for index := range l.kept.links {
		l.kept.closeLinks(index)
	}
	var errs error
	for index := range maps.Clone(l.rows.used) {
		if l.hooks[index] == nil {
			errs = errors.Join(errs, l.ForgetIngress(index))
		}
	}
	return errs
}

func closeDescriptor(fd int) { _ = unix.Close(fd) }
