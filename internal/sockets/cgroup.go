// SPDX-License-Identifier: Apache-2.0

package sockets

import (
	"bytes"
	"strings"
)

// idLength is how much of a container's id records have: what the tools of containers show.
const idLength = 12

// Place finds the container and the unit of systemd in the path of a cgroup, by the names that runtimes give: Docker,
// containerd, CRI-O and Podman with either cgroup driver, Kubernetes, systemd-nspawn, and LXC. The innermost counts.
func Place(path string) (container, unit string) {
	names := strings.Split(strings.Trim(path, "/"), "/")
	for i := len(names) - 1; i >= 0; i-- {
		if unit == "" && (strings.HasSuffix(names[i], ".service") || strings.HasSuffix(names[i], ".scope")) {
			unit = names[i]
		}
		above := ""
		if i > 0 {
			above = names[i-1]
		}
		if container == "" {
			container = containerOf(names[i], above)
		}
	}
	return container, unit
}

// containerOf returns the id or the name of the container whose cgroup has a name, below another one.
func containerOf(name, above string) string {
	base := strings.TrimSuffix(name, ".scope")
	// The runtime, then the id: docker-ID.scope, cri-containerd-ID.scope; PARENT:RUNTIME:ID with the driver cgroupfs.
	id, before := base, ""
	if i := strings.LastIndexAny(base, "-:"); i >= 0 {
		id, before = base[i+1:], base[:i]
	}
	switch {
	case isID(id):
		if strings.HasSuffix(before, "conmon") { // it watches the container from outside
			return ""
		}
		return id[:idLength]
	case above == "lxc" && name != "":
		return name
	}
	if container, ok := strings.CutPrefix(name, "lxc.payload."); ok {
		return container
	}
	if machine, ok := strings.CutPrefix(base, "machine-"); ok && base != name { // of systemd-machined
		machine = unescape(machine)
		if strings.HasPrefix(machine, "qemu-") { // libvirt's virtual machines
			return ""
		}
		return strings.TrimPrefix(machine, "lxc-")
	}
	if machine, ok := strings.CutPrefix(name, "systemd-nspawn@"); ok {
		return unescape(strings.TrimSuffix(machine, ".service"))
	}
	return ""
}

// isID reports whether a text is an id: 64 hexadecimal digits in lower case.
func isID(text string) bool {
	if len(text) != 64 {
		return false
	}
	return strings.Trim(text, "0123456789abcdef") == ""
}

// unescape undoes systemd-escape(1).
func unescape(text string) string {
	if !strings.Contains(text, `\x`) {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if high, low := digit(text, i+2), digit(text, i+3); text[i] == '\\' && i+1 < len(text) && text[i+1] == 'x' &&
			high >= 0 && low >= 0 {
			b.WriteByte(byte(high<<4 | low))
			i += 3
			continue
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

// digit returns the value of the hexadecimal digit at i, -1 without one.
func digit(text string, i int) int {
	if i >= len(text) {
		return -1
	}
	return strings.IndexByte("0123456789abcdef", text[i])
}

// PlaceOf finds both in the text of /proc/PID/cgroup (cgroups(7)): of version 2 in its one line, of version 1 where a
// controller's path has them.
func PlaceOf(text []byte) (container, unit string) {
	for line := range bytes.Lines(text) {
		_, rest, _ := strings.Cut(strings.TrimSuffix(string(line), "\n"), ":")
		_, path, ok := strings.Cut(rest, ":")
		if !ok {
			continue
		}
		c, u := Place(path)
		if container == "" {
			container = c
		}
		if unit == "" {
			unit = u
		}
	}
	return container, unit
}
