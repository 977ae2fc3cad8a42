// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/weirnet/weir/internal/config"
)

// TestReloadTakesAllOrNothing: a reload reads the same file with the same flags, which still win; a mistake in any of
// the settings, or in a catalog, refuses all.
func TestReloadTakesAllOrNothing(t *testing.T) {
	folder := t.TempDir()
	file, apps := filepath.Join(folder, "weir.yaml"), filepath.Join(folder, "apps.yaml")
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(file, "log: {level: warn}\n")
	c := newRun()
	l := config.NewLoader("run")
	l.AddFlags(c.InheritedFlags())
	if err := c.InheritedFlags().Parse([]string{"--idle", "70s"}); err != nil {
		t.Fatal(err)
	}
	t.Setenv(config.EnvFile, file)
	if err := l.Load(); err != nil {
		t.Fatal(err)
	}
	t.Setenv(config.EnvFile, "") // as confinedArgs does
	r := &settingsReloader{settings: l, running: l.Config}
	if s, err := r.reload(); err != nil || !slices.Equal(s.Lines, []string{"no setting has changed"}) {
		t.Fatalf("%+v, %v", s, err)
	}
	for _, mistake := range []struct{ text, says string }{
		{"log: {level: debug}\nflows: {max: 1}\n", "flows.max"},
		{"log: {level: debug}\nprivacy: {omit_hosts: ['*']}\n", "--omit-host"},
		{"log: {level: debug}\nmetrics: {listen: '0.0.0.0:9167'}\n", "--metrics-listen"},
		{"log: {level: debug}\nexport: {to: ['nowhere://x']}\n", "nowhere"},
		{"log: {level: debug}\nnames: {catalogs: [" + apps + "]}\n", apps},
		{"log: {level: debug}\ncapture: {interfaces: [absent0]}\n", "absent0"},
		{"log: {level: debug}\ncapture: {mode: xdp}\n", "capture.mode"},
		{"log: [", "not YAML"},
	} {
		write(file, mistake.text)
		if s, err := r.reload(); err == nil || !strings.Contains(err.Error(), mistake.says) {
			t.Errorf("%q: %+v, %v", mistake.text, s, err)
		}
	}
	write(file, "log: {level: debug}\nflows: {idle: 90s, tcp_idle: 10m}\nnames: {catalogs: ["+apps+"]}\n")
	write(apps, "applications:\n  - id: our-intranet\n    name: Our intranet\n    category: video-streaming\n"+
		"    domains: [intranet.example]\n")
	s, err := r.reload()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"flows.tcp_idle: stays 5m0s; 10m0s needs a restart", "names.catalogs: " + apps + " instead of -",
		"log.level: debug instead of warn", "names.catalogs: 1 files read anew"}
	slices.Sort(want)
	if got := slices.Sorted(slices.Values(s.Lines)); !slices.Equal(got, want) || s.LogLevel != "debug" ||
		len(s.Catalogs) != 1 {
		t.Errorf("got %q, want %q, catalogs %v", got, want, s.Catalogs)
	}
	s, err = r.reload() // what needs a restart is told again
	if err != nil || len(s.Lines) != 2 {
		t.Errorf("%+v, %v", s, err)
	}
}

// TestLiveSettingsExist: each is a setting of weir run.
func TestLiveSettingsExist(t *testing.T) {
	for _, key := range liveSettings {
		is := func(s config.Setting) bool { return s.Key == key && s.IsFor("run") }
		if !slices.ContainsFunc(config.Settings(), is) {
			t.Error(key)
		}
	}
}
