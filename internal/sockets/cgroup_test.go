// SPDX-License-Identifier: Apache-2.0

package sockets

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// id is a container's id.
const id = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

func TestPlace(t *testing.T) {
	const short = "0123456789ab"
	for _, c := range []struct{ path, container, unit string }{
		{"", "", ""},
		{"/", "", ""},
		{"/system.slice/nginx.service", "", "nginx.service"},
		{"/user.slice/user-1000.slice/user@1000.service/app.slice/firefox-7.scope", "", "firefox-7.scope"},
		{"/system.slice/docker-" + id + ".scope", short, "docker-" + id + ".scope"},
		{"/system.slice/docker-" + id + ".scope/init", short, "docker-" + id + ".scope"},
		{"/docker/" + id, short, ""},
		{"/docker/" + id + "/docker/" + strings.Repeat("ab", 32), "abababababab", ""}, // Docker in Docker
		{"/kubepods/besteffort/pod0f6f2b60-1111-2222-3333-444455556666/" + id, short, ""},
		{"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod0f6f.slice/cri-containerd-" + id + ".scope",
			short, "cri-containerd-" + id + ".scope"},
		{"/system.slice/containerd.service/kubepods-besteffort-pod0f6f.slice:cri-containerd:" + id, short,
			"containerd.service"},
		{"/kubepods.slice/kubepods-pod1.slice/crio-" + id + ".scope", short, "crio-" + id + ".scope"},
		{"/kubepods.slice/kubepods-pod1.slice/crio-conmon-" + id + ".scope", "", "crio-conmon-" + id + ".scope"},
		{"/machine.slice/libpod-" + id + ".scope/container", short, "libpod-" + id + ".scope"},
		{"/machine.slice/libpod-conmon-" + id + ".scope", "", "libpod-conmon-" + id + ".scope"},
		{"/libpod_parent/libpod-" + id, short, ""},
		{"/system.slice/nerdctl-" + id + ".scope", short, "nerdctl-" + id + ".scope"},
		{`/machine.slice/machine-web\x2d1.scope/payload`, "web-1", `machine-web\x2d1.scope`},
		{`/machine.slice/systemd-nspawn@debian\x2d12.service/payload/system.slice/ssh.service`, "debian-12",
			"ssh.service"},
		{`/machine.slice/machine-qemu\x2d1\x2dvm.scope/libvirt/emulator`, "", `machine-qemu\x2d1\x2dvm.scope`},
		{"/lxc.payload.c1/system.slice/cron.service", "c1", "cron.service"},
		{"/lxc.monitor.c1", "", ""},
		{"/lxc/101/ns/init.scope", "101", "init.scope"},
		// What only looks like one.
		{"/docker/" + id[1:], "", ""},
		{"/docker/" + strings.ToUpper(id), "", ""},
		{"/docker-" + id[:63] + "g.scope", "", "docker-" + id[:63] + "g.scope"},
		{`/machine.slice/machine-a\x2.scope`, `a\x2`, `machine-a\x2.scope`},
		{"../../" + id + "/", short, ""},
	} {
		if container, unit := Place(c.path); container != c.container || unit != c.unit {
			t.Errorf("%s: %q, %q; want %q, %q", c.path, container, unit, c.container, c.unit)
		}
	}
}

func TestPlaceOf(t *testing.T) {
	for _, c := range []struct{ text, container, unit string }{
		{"", "", ""},
		{"0::/\n", "", ""},
		{"no colon\n0::/docker/" + id, "0123456789ab", ""},
		{"0::/system.slice/docker-" + id + ".scope\n", "0123456789ab", "docker-" + id + ".scope"},
		{"12:pids:/docker/" + id + "\n1:name=systemd:/system.slice/docker.service\n0::/\n", "0123456789ab",
			"docker.service"},
		{"3:cpu,cpuacct:/a:b/" + id + "\n", "0123456789ab", ""},
	} {
		if container, unit := PlaceOf([]byte(c.text)); container != c.container || unit != c.unit {
			t.Errorf("%q: %q, %q; want %q, %q", c.text, container, unit, c.container, c.unit)
		}
	}
}

// FuzzPlace: whoever may make cgroups chooses their names.
func FuzzPlace(f *testing.F) {
	f.Add("12:pids:/docker/" + id + "\n0::/machine.slice/machine-web\\x2d1.scope\n")
	f.Add("0::/lxc/" + id + ".scope/lxc.payload./systemd-nspawn@")
	f.Fuzz(func(t *testing.T, text string) {
		container, unit := PlaceOf([]byte(text))
		if len(container) > len(text) || !strings.Contains(text, unit) {
			t.Errorf("%q, %q", container, unit)
		}
		if utf8.ValidString(text) && strings.ContainsAny(unit, "/\n") {
			t.Errorf("unit %q", unit)
		}
	})
}
