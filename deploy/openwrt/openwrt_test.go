// SPDX-License-Identifier: Apache-2.0

package openwrt

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/weirnet/weir/internal/config"
	"github.com/weirnet/weir/internal/testing/lab"
	"github.com/weirnet/weir/internal/testing/lab/program"
)

func TestMain(m *testing.M) {
	status := m.Run()
	program.Remove()
	os.Exit(status)
}

// start runs the script's start_service under busybox's shell, as rc.common does, with UCI's text.
func start(t *testing.T, uci string) (said, settings string) {
	t.Helper()
	if _, err := exec.LookPath("busybox"); err != nil {
		lab.Lacks(t, "busybox is missing")
	}
	weir, _ := program.Weir(t)
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "weir"), []byte(uci), 0o600); err != nil {
		t.Fatal(err)
	}
	settings = filepath.Join(folder, "etc", "weir.yaml")
	c := exec.Command("busybox", "ash", "-c", ". testdata/openwrt.sh; . ./weir.init; start_service; service_triggers")
	c.Env = append(os.Environ(), "UCI="+folder, "SETTINGS="+settings, "PROG="+weir)
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out), settings
}

// changed returns the settings of a file that differ from the defaults.
func changed(t *testing.T, file string) map[string]string {
	t.Helper()
	l := config.NewLoader("run")
	t.Setenv(config.EnvFile, file)
	if err := l.Load(); err != nil {
		t.Fatal(err)
	}
	all, defaults := map[string]string{}, config.Default()
	for _, s := range config.Settings() {
		if text := s.Text(&l.Config); text != s.Text(defaults) {
			all[s.Key] = text
		}
	}
	return all
}

// TestTranslation: options and lists of UCI become the settings of their names, whatever their order and their text.
func TestTranslation(t *testing.T) {
	const head = "config weir 'main'\n option enabled '1'\n"
	for name, c := range map[string]struct {
		uci  string
		want map[string]string
	}{
		"nothing": {head, nil},
		"sides, weir finds the links": {head + " list internal_if 'br-lan'\n list internal_if 'br-guest'\n" +
			" list external_if 'pppoe-wan'\n",
			map[string]string{"network.lan": "br-lan, br-guest", "network.wan": "pppoe-wan"}},
		"links, before autoconfig is off": {head + " option internal_if 'br-lan eth2'\n list external_if 'wan'\n" +
			" option autoconfig '0'\n", map[string]string{"network.lan": "br-lan, eth2", "network.wan": "wan",
			"capture.interfaces": "br-lan, eth2, wan"}},
		"links of both kinds": {head + " option autoconfig 'off'\n list capture_interfaces 'wg*'\n" +
			" list external_if 'wan'\n", map[string]string{"network.wan": "wan", "capture.interfaces": "wg*, wan"}},
		"any setting, groups mixed": {head + " option flows_max '1024'\n option network_no_conntrack 'true'\n" +
			" option flows_max_replay '99'\n option flows_max '2048'\n list privacy_omit_hosts 'example.org'\n" +
			" option flows_tcp_idle '90s'\n", map[string]string{"flows.max": "2048", "flows.max_replay": "99",
			"network.no_conntrack": "true", "privacy.omit_hosts": "example.org", "flows.tcp_idle": "1m30s"}},
		"text that YAML or a shell could misread": {head + ` option capture_filter 'host a: # $(reboot) "it` + `'\''` +
			`s" \n'` + "\n list names_catalogs '/a,b'\n list names_catalogs '- x'\n",
			map[string]string{"capture.filter": `host a: # $(reboot) "it's" \n`, "names.catalogs": "/a,b, - x"}},
		"other sections": {"config other\n option enabled '0'\n option nonsense '1'\n" + head, nil},
	} {
		t.Run(name, func(t *testing.T) {
			said, settings := start(t, c.uci)
			if got := changed(t, settings); !maps.Equal(got, c.want) {
				t.Errorf("settings %v, want %v", got, c.want)
			}
			for _, want := range []string{"procd: open\n", " run --config " + settings + "\n",
				"procd: file " + settings + "\n", "procd: respawn\n", "procd: close\n", "procd: reload weir\n"} {
				if !strings.Contains(said, want) {
					t.Errorf("%q is missing in\n%s", want, said)
				}
			}
			if info, err := os.Stat(settings); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("the file of settings: %v, %v", info.Mode(), err)
			}
		})
	}
}

// TestNoStart: what is off, or wrong, starts nothing; what is wrong is told.
func TestNoStart(t *testing.T) {
	for uci, want := range map[string]string{
		"config weir 'main'\n option enabled '0'\n":                         "",
		"config weir 'main'\n":                                              "",
		"config weir\n option enabled '1'\n option flows_max 'many'\n":      `"many": must be a number`,
		"config weir\n option enabled '1'\n option flows_mx '1'\n":          `unknown key "mx"`,
		"config weir\n option enabled '1'\n option autoconfig '0'\n":        "needs internal_if or external_if",
		"config weir\n option enabled '1'\n option maximum '1'\n":           "maximum is no setting",
		"config weir\n option enabled '1'\n option 'a_b;reboot' '1'\n":      "a_b;reboot is no setting",
		"config weir\n option enabled '1'\n list 'X_$(touch /tmp/x)' '1'\n": "is no setting",
	} {
		said, _ := start(t, uci)
		if strings.Contains(said, "procd: open") || !strings.Contains(said, want) ||
			(want == "") != !strings.Contains(said, "log:") {
			t.Errorf("%s: %q, want %q", uci, said, want)
		}
	}
}

// TestDefaults: the packaged settings start nothing; enabled, they are valid; what an upgrade keeps is weir's.
func TestDefaults(t *testing.T) {
	text, err := os.ReadFile("weir.config")
	if err != nil {
		t.Fatal(err)
	}
	if said, _ := start(t, string(text)); strings.Contains(said, "procd: open") || strings.Contains(said, "log:") {
		t.Errorf("weir starts without being asked to: %s", said)
	}
	_, settings := start(t, strings.Replace(string(text), "enabled '0'", "enabled '1'", 1))
	got := changed(t, settings)
	keys := slices.Sorted(maps.Keys(got))
	if want := []string{"capture.workers", "devices.state", "flows.max", "output.format",
		"uplink.state_dir"}; !slices.Equal(keys, want) {
		t.Errorf("settings %v, want those of %v", got, want)
	}
	keep, err := os.ReadFile("weir.keep")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(keep)) {
		if !strings.HasPrefix(line, got["uplink.state_dir"]+"/") {
			t.Errorf("%q is not in %s", line, got["uplink.state_dir"])
		}
	}
}
