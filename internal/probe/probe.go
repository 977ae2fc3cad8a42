// SPDX-License-Identifier: Apache-2.0

// Package probe finds out what weir can do on this machine by trying it: it never compares kernel versions. It tries
// each feature once, on the loopback or on nothing, and undoes it at once.
package probe

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/topology"
)

// Names of the modes, in order of preference.
const (
	EBPF     = "ebpf"
	Libpcap  = "libpcap"
	AFPacket = "afpacket"
)

// Options choose what to probe.
type Options struct {
	Selection topology.Selection
	Sides     topology.Sides
	// Program is the path in hints about setting capabilities; "" for the running program's.
	Program string
	// Extra probes run after the others, once the memory lock is lifted. A required feature that fails rules out its
	// modes.
	Extra []func() Feature
}

// Report is the result.
type Report struct {
	// CanRun: weir run would start, with the same interfaces and rights.
	CanRun bool `json:"can_run"`
	// Mode is the one that weir would choose, "" if none works.
	Mode string `json:"mode,omitempty"`
	// Why gives the reason for the mode, or for none, in one line; Fix what to do for a better one, or any.
	Why        string      `json:"why"`
	Fix        string      `json:"fix,omitempty"`
	Modes      []Mode      `json:"modes"`
	Features   []Feature   `json:"features"`
	Rights     Rights      `json:"rights"`
	Clock      Clock       `json:"clock"`
	Interfaces []Interface `json:"interfaces"`
	Kernel     string      `json:"kernel"`  // as uname -r
	Machine    string      `json:"machine"` // as uname -m
}

// Mode is a way of capturing.
type Mode struct {
	Name string `json:"name"`
	OK   bool   `json:"ok"`
	Why  string `json:"why,omitempty"` // why it does not work
	Fix  string `json:"fix,omitempty"` // what to do about it
}

// Feature is a property that a mode needs or can use.
type Feature struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail,omitempty"` // if it works
	Why    string `json:"why,omitempty"`    // if it does not
	Fix    string `json:"fix,omitempty"`
	// NeededBy names the modes that need the feature, or can use it if it is optional.
	NeededBy []string `json:"needed_by"`
	Optional bool     `json:"optional,omitempty"`
}

// Feature returns the feature with a name.
func (r *Report) Feature(name string) (Feature, bool) {
	i := slices.IndexFunc(r.Features, func(f Feature) bool { return f.Name == name })
	if i < 0 {
		return Feature{}, false
	}
	return r.Features[i], true
}

// HasMode reports whether a mode works, and if not, why and what to do.
func (r *Report) HasMode(name string) Mode {
	for _, m := range r.Modes {
		if m.Name == name {
			return m
		}
	}
	return Mode{Name: name, Why: "no such mode", Fix: "choose ebpf, libpcap or afpacket"}
}

// Run probes. An error means that not even the list of links is available.
func Run(o Options) (*Report, error) {
	links, err := topology.List()
	if err != nil {
		return nil, err
	}
	if o.Program == "" {
		o.Program = "/usr/bin/weir"
		if path, err := os.Executable(); err == nil {
			o.Program = path
		}
	}
	r := &Report{Rights: readRights(), Clock: readClock()}
	var name unix.Utsname
	if err := unix.Uname(&name); err == nil {
		r.Kernel, r.Machine = unix.ByteSliceToString(name.Release[:]), unix.ByteSliceToString(name.Machine[:])
	}
	e := explainer{&r.Rights, o.Program}
	restore, memory := liftMemoryLock(e)
	defer restore()
	r.Features = append(probeBPF(e, memory, loopback(links)), probeAFPacket(e, loopback(links))...)
	r.Features = append(r.Features, probeLibpcap())
	r.Features = append(r.Features, probeConntrack(e)...)
	for _, extra := range o.Extra {
		r.Features = append(r.Features, extra())
	}
	r.Interfaces = readInterfaces(o.Selection, links)
	if err := r.readSides(o.Sides); err != nil {
		return nil, err
	}
	r.judge(o.Selection, links)
	return r, nil
}

// judge decides which modes work, which one weir would choose, and whether weir can run.
func (r *Report) judge(s topology.Selection, links topology.Links) {
	r.Modes, r.Mode, r.Why, r.Fix = nil, "", "", ""
	for _, name := range []string{EBPF, Libpcap, AFPacket} {
		m := Mode{Name: name, OK: true}
		for _, f := range r.Features {
			if m.OK && !f.OK && !f.Optional && slices.Contains(f.NeededBy, name) {
				m = Mode{name, false, f.Name + ": " + f.Why, f.Fix}
			}
		}
		r.Modes = append(r.Modes, m)
		if m.OK && r.Mode == "" {
			r.Mode = name
		}
	}
	best := r.Modes[0]
	switch missing := s.Missing(links); {
	case r.Mode == "":
		r.Why, r.Fix = "no mode works: "+best.Why, best.Fix
	case len(missing) > 0:
		r.Why = "no such interface: " + strings.Join(missing, ", ")
		r.Fix = "give one of " + names(links) + ", or a pattern for one that appears later"
	case s.All() && !slices.ContainsFunc(r.Interfaces, func(i Interface) bool { return i.Chosen }):
		r.Why, r.Fix = "no interface to watch", "name one: weir run -i "+names(links)
	case r.Mode == EBPF:
		r.CanRun, r.Why = true, "the kernel counts, and only the first packets of each flow are copied"
	default:
		r.CanRun, r.Why, r.Fix = true, "ebpf does not work: "+best.Why, best.Fix
	}
}

func names(links topology.Links) string {
	var all []string
	for _, l := range links.Sorted() {
		all = append(all, l.Name)
	}
	return strings.Join(all, ", ")
}

// loopback returns the index of the loopback, which every network namespace has.
func loopback(links topology.Links) int {
	for _, l := range links {
		if l.Loopback {
			return int(l.Index)
		}
	}
	return 1
}

// explainer puts errors of the kernel into words.
type explainer struct {
	rights  *Rights
	program string
}

// what describes a trial, to explain its error.
type what struct {
	needs  []string // capabilities
	kernel string   // the kernel option, and the version since which kernels have it
	global bool     // needs the capabilities in the initial user namespace
}

// no describes a feature that fails.
func (e explainer) no(f Feature, err error, w what) Feature {
	f.OK, f.Detail = false, ""
	f.Why, f.Fix = e.explain(err, w)
	return f
}

func (e explainer) explain(err error, w what) (why, fix string) {
	switch {
	case unsupported(err):
		return "this kernel lacks it", "a kernel with " + w.kernel
	case isErrno(err, unix.EPERM, unix.EACCES):
		return e.refused(w)
	case isErrno(err, unix.ENOMEM):
		return "not enough memory (ENOMEM)", "raise the memory limit of weir's cgroup or container"
	case isErrno(err, unix.EMFILE, unix.ENFILE):
		return "too many open files", "raise the limit of open files (ulimit -n)"
	}
	return err.Error(), "report this with the output of weir check --json"
}

// refused explains EPERM.
func (e explainer) refused(w what) (why, fix string) {
	lacks := e.rights.lacks(w.needs)
	switch {
	case w.global && e.rights.UserNamespace:
		return "its capabilities hold in a user namespace only, and the kernel requires " + join(w.needs) +
				" outside of it (EPERM)",
			"run as root outside the user namespace (of a container: not rootless, no userns mapping)"
	case len(lacks) > 0:
		is := "is"
		if len(lacks) > 1 {
			is = "are"
		}
		return fmt.Sprintf("%s %s missing (EPERM)", join(lacks), is), e.grant()
	case e.rights.Lockdown != "" && e.rights.Lockdown != "none":
		return "the kernel is locked down: " + e.rights.Lockdown + " (EPERM)", "boot without lockdown=confidentiality"
	}
	return "refused despite " + join(w.needs) + " (EPERM): by a seccomp filter or a security module",
		"allow the system call in the container's seccomp profile, or in SELinux or AppArmor"
}

func (e explainer) grant() string {
	return "run as root, or: setcap " + strings.ToLower(strings.Join(e.rights.wanted(), ",")) + "+ep " + e.program
}

func join(items []string) string { return strings.Join(items, " and ") }
